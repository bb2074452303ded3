import type { CSSProperties } from 'react'
import { type CartLine, MAX_QUANTITY } from '../api'
import { add, removeLine, takeOne } from '../cart'
import { price } from '../format'
import { hueOf } from '../hue'
import { Icon } from './Icon'

interface CartLineRowProps {
  readonly line: CartLine
  /** A change of it is on its way to the server. */
  readonly saving: boolean
}

export function CartLineRow({ line, saving }: CartLineRowProps) {
  const { item_id: id, name, quantity } = line

  function minus() {
    takeOne(line)
    if (quantity <= 1) keepFocus()
  }

  function remove() {
    removeLine(id)
    keepFocus()
  }

  return (
    <li className="cart-line" data-testid={`cart-line-${id}`} data-saving={saving}>
      <span className="cart-picture" style={{ '--hue': hueOf(id) } as CSSProperties} aria-hidden="true">
        {line.emoji}
      </span>
      <span className="cart-name">{name}</span>
      <span className="price">{price(line.price_cents * quantity, line.currency)}</span>
      <div className="cart-tools">
        <div className="stepper">
          <button
            type="button"
            data-testid={`cart-minus-${id}`}
            aria-label={quantity > 1 ? `One ${name} less` : `Remove ${name} from the cart`}
            onClick={minus}
          >
            <Icon name="minus" />
          </button>
          <span className="stepper-value">
            <span className="visually-hidden">Quantity </span>
            {quantity}
          </span>
          <button
            type="button"
            data-testid={`cart-plus-${id}`}
            aria-label={`One ${name} more`}
            disabled={quantity >= MAX_QUANTITY}
            onClick={() => add(line)}
          >
            <Icon name="plus" />
          </button>
        </div>
        <button
          type="button"
          className="icon-button"
          data-testid={`cart-remove-${id}`}
          aria-label={`Remove ${name} from the cart`}
          title="Remove"
          onClick={remove}
        >
          <Icon name="trash" />
        </button>
      </div>
    </li>
  )
}

/** The pressed button goes away with its line; the keyboard goes on from the cart's heading. */
function keepFocus() {
  document.getElementById('cart-heading')?.focus()
}
