import { itemsResource } from '../items'
import { useResource } from '../resource'
import { ItemCard } from './ItemCard'
import { LoadFailure } from './LoadFailure'

const PLACEHOLDERS = Array.from({ length: 12 }, (_, index) => `placeholder-${index}`)

export function ItemGrid() {
  const { data: items, failure } = useResource(itemsResource)
  return (
    <section className="items" aria-labelledby="items-heading">
      <div className="intro">
        <h1 id="items-heading">No account. Still your cart.</h1>
        <p>
          Put something in. Then reload, open a second tab, let the token expire, come back tomorrow: the cart is still
          here, and so are you.
        </p>
      </div>
      {!items && failure ? (
        <LoadFailure what="The items" failure={failure} onRetry={itemsResource.reload} />
      ) : (
        <ul className="grid" aria-busy={!items}>
          {items
            ? items.map((item) => <ItemCard key={item.id} item={item} />)
            : PLACEHOLDERS.map((key) => <Placeholder key={key} />)}
        </ul>
      )}
      {items?.length === 0 && <p className="quiet">There is nothing in the shop today.</p>}
    </section>
  )
}

function Placeholder() {
  return (
    <li className="item item-placeholder" aria-hidden="true">
      <div className="item-picture" />
      <div className="bone bone-title" />
      <div className="bone" />
      <div className="bone bone-short" />
      <div className="bone bone-button" />
    </li>
  )
}
