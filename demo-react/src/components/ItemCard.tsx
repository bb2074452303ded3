import type { CSSProperties } from 'react'
import type { Item } from '../api'
import { add, useCart } from '../cart'
import { price } from '../format'
import { hueOf } from '../hue'
import { Icon } from './Icon'

export function ItemCard({ item }: { readonly item: Item }) {
  const inCart = useCart().quantityOf(item.id)
  return (
    <li className="item" data-testid={`item-${item.id}`}>
      <div className="item-picture" style={{ '--hue': hueOf(item.id) } as CSSProperties}>
        <span className="item-emoji" aria-hidden="true">
          {item.emoji}
        </span>
        {inCart > 0 && <span className="item-in-cart">{inCart} in cart</span>}
      </div>
      <div className="item-words">
        <h2>{item.name}</h2>
        <p>{item.description}</p>
      </div>
      <div className="item-foot">
        <span className="price">{price(item.price_cents, item.currency)}</span>
        <button
          type="button"
          className="button button-primary button-small"
          data-testid={`add-${item.id}`}
          aria-label={`Add ${item.name} to the cart`}
          onClick={() => add(item)}
        >
          <Icon name="plus" />
          Add
        </button>
      </div>
    </li>
  )
}
