import { useSession } from 'guestpass/react'
import type { Ref } from 'react'
import { cartResource, dismissSaveFailure, useCart } from '../cart'
import { price } from '../format'
import { itemsResource } from '../items'
import { useResource } from '../resource'
import { CartLineRow } from './CartLineRow'
import { Icon } from './Icon'

export function CartPanel({ ref }: { readonly ref?: Ref<HTMLElement> }) {
  const { count, saveFailure } = useCart()
  return (
    <section className="cart" data-testid="cart" aria-labelledby="cart-heading" tabIndex={-1} ref={ref}>
      <h2 id="cart-heading" className="cart-heading" tabIndex={-1}>
        Your cart
      </h2>
      <p className="visually-hidden" role="status">
        {count === 1 ? '1 thing in the cart' : `${count} things in the cart`}
      </p>
      {saveFailure && (
        <div className="cart-problem" role="alert">
          <p>Your last change was not saved. {saveFailure.message}</p>
          <button type="button" className="icon-button" aria-label="Hide this message" onClick={dismissSaveFailure}>
            <Icon name="close" />
          </button>
        </div>
      )}
      <CartContent />
    </section>
  )
}

function CartContent() {
  const { cart, isSaving } = useCart()
  const signedOut = useSession(({ status }) => status === 'signed_out' || status === 'ended')
  const { failure } = useResource(cartResource)

  if (signedOut && !cart?.lines.length) return <SignedOut />
  if (!cart) {
    return failure ? <p className="cart-note">The cart did not load. {failure.message}</p> : <CartPlaceholder />
  }
  if (cart.lines.length === 0) return <EmptyCart />
  return (
    <>
      <ul className="cart-lines">
        {cart.lines.map((line) => (
          <CartLineRow key={line.item_id} line={line} saving={isSaving(line.item_id)} />
        ))}
      </ul>
      <div className="cart-foot">
        <div className="cart-total">
          <span>Total</span>
          <span className="price">{price(cart.total_cents, cart.currency)}</span>
        </div>
        <p className="cart-note">Kept for you. No account needed.</p>
      </div>
    </>
  )
}

function EmptyCart() {
  return (
    <div className="cart-empty">
      <span className="cart-empty-picture" aria-hidden="true">
        🧺
      </span>
      <p className="cart-empty-title">Nothing in it yet</p>
      <p className="cart-note">Add something. It stays, although you never signed up.</p>
    </div>
  )
}

function SignedOut() {
  function startAgain() {
    void cartResource.reload()
    void itemsResource.reload()
  }
  return (
    <div className="cart-empty">
      <span className="cart-empty-picture" aria-hidden="true">
        👋
      </span>
      <p className="cart-empty-title">You are signed out</p>
      <p className="cart-note">This browser has forgotten the cart. The next request makes you a new guest.</p>
      <button type="button" className="button" onClick={startAgain}>
        Continue as a new guest
      </button>
    </div>
  )
}

function CartPlaceholder() {
  return (
    <div className="cart-placeholder" aria-hidden="true">
      <div className="bone bone-line" />
      <div className="bone bone-line" />
    </div>
  )
}
