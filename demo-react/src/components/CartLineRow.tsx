import { Minus, Plus, Trash2 } from 'lucide-react'
import type { CSSProperties } from 'react'
import { useTranslation } from 'react-i18next'
import { type CartLine, MAX_QUANTITY, useCartSteps } from '../cart'
import { euroCents, price } from '../format'
import { useCurrency } from '../hooks/useCurrency'
import { useGoods } from '../i18n'
import { hueOf, Picture } from './Picture'

interface CartLineRowProps {
  readonly line: CartLine
  /** Whether a change of the line is being sent to the server. */
  readonly saving: boolean
}

export function CartLineRow({ line, saving }: CartLineRowProps) {
  const { t } = useTranslation()
  const { nameOf } = useGoods()
  const { add, set } = useCartSteps()
  const currency = useCurrency()
  const { id, item, quantity } = line
  const name = item ? nameOf(item) : id
  const cents = item && euroCents(item)

  function change(to: number) {
    set(id, to)
    // The pressed button is removed with its line, so move the keyboard focus to the heading of the cart.
    if (to <= 0) document.querySelector<HTMLElement>('.cart-heading')?.focus()
  }

  return (
    <li className="cart-line" data-testid={`cart-line-${id}`} data-saving={saving} data-gone={item === null}>
      <span className="cart-picture" style={{ '--hue': hueOf(id) } as CSSProperties}>
        <Picture item={item} />
      </span>
      <span className="cart-name">{name}</span>
      {cents !== null && <span className="price">{price(cents * quantity, currency)}</span>}
      <div className="cart-tools">
        {item === null ? (
          <span className="quiet">{t('cart.gone')}</span>
        ) : (
          <div className="stepper">
            <button
              type="button"
              data-testid={`cart-minus-${id}`}
              aria-label={quantity > 1 ? t('cart.less', { name }) : t('cart.remove', { name })}
              onClick={() => change(quantity - 1)}
            >
              <Minus className="icon" aria-hidden="true" />
            </button>
            <span className="stepper-value">
              <span className="visually-hidden">{t('cart.quantity')} </span>
              {quantity}
            </span>
            <button
              type="button"
              data-testid={`cart-plus-${id}`}
              aria-label={t('cart.more', { name })}
              disabled={quantity >= MAX_QUANTITY}
              onClick={() => add(id)}
            >
              <Plus className="icon" aria-hidden="true" />
            </button>
          </div>
        )}
        <button
          type="button"
          className="icon-button"
          data-testid={`cart-remove-${id}`}
          aria-label={t('cart.remove', { name })}
          onClick={() => change(0)}
        >
          <Trash2 className="icon" aria-hidden="true" />
        </button>
      </div>
    </li>
  )
}
