import { useMutationState, useQuery } from '@tanstack/react-query'
import { useSession } from 'guestpass/react'
import { Hand, ShoppingBasket, X } from 'lucide-react'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { cartOptions, linesOf, totalOf, useCart } from '../cart'
import { useCatalogue } from '../catalogue'
import { failureOf } from '../failure'
import { price } from '../format'
import { useCurrency } from '../hooks/useCurrency'
import { isOver, keys } from '../queries'
import { session } from '../session'
import { CartLineRow } from './CartLineRow'
import { EmptyState } from './EmptyState'

export function CartPanel() {
  const { t } = useTranslation()
  const { count } = useCart()
  return (
    <section className="cart" data-testid="cart" aria-label={t('cart.heading')}>
      <p className="visually-hidden" role="status">
        {t('cart.count', { count })}
      </p>
      <NotSaved />
      <CartContent />
    </section>
  )
}

function CartContent() {
  const { t } = useTranslation()
  const { cart, isSaving } = useCart()
  const { error } = useQuery(cartOptions())
  const catalogue = useCatalogue()
  const currency = useCurrency()
  const over = useSession(({ status }) => isOver(status))
  const member = useSession(({ kind }) => kind === 'user')

  if (over && !cart?.length) return <SignedOut />
  if (cart?.length === 0) {
    return <EmptyState Icon={ShoppingBasket} title={t('cart.empty')} hint={t('cart.emptyHint')} />
  }
  if (!cart || !catalogue.data) {
    return (error ?? catalogue.error) ? <p className="quiet">{t('cart.notLoaded')}</p> : <CartPlaceholder />
  }
  const lines = linesOf(cart, catalogue.data)
  return (
    <>
      <ul className="cart-lines">
        {lines.map((line) => (
          <CartLineRow key={line.id} line={line} saving={isSaving(line.id)} />
        ))}
      </ul>
      <div className="cart-foot">
        <div className="cart-total">
          <span>{t('cart.total')}</span>
          <span className="price" data-testid="cart-total">
            {price(totalOf(lines), currency)}
          </span>
        </div>
        <p className="quiet">
          {member ? t('cart.keptMember') : t('cart.kept')} {currency !== 'EUR' && t('cart.converted')}
        </p>
      </div>
    </>
  )
}

/** Reports that the last change was not saved, until the next change or until the visitor hides it. */
function NotSaved() {
  const { t } = useTranslation()
  const [hidden, setHidden] = useState(0)
  const steps = useMutationState({ filters: { mutationKey: keys.cart }, select: ({ state }) => state })
  const last = steps.at(-1)
  const failure = last?.status === 'error' ? failureOf(last.error) : null
  if (!last || !failure || last.submittedAt <= hidden) return null
  return (
    <div className="cart-problem" role="alert" data-testid="cart-problem">
      <p>
        {t('cart.notSaved')} {failure.message ?? t('outage.reasons.network')}
      </p>
      <button
        type="button"
        className="icon-button"
        aria-label={t('notice.hide')}
        onClick={() => setHidden(last.submittedAt)}
      >
        <X className="icon" aria-hidden="true" />
      </button>
    </div>
  )
}

function SignedOut() {
  const { t } = useTranslation()
  return (
    <EmptyState Icon={Hand} title={t('cart.signedOut')} hint={t('cart.signedOutHint')}>
      <button
        type="button"
        className="button"
        data-testid="continue"
        // The snapshot of the session shows a failure.
        onClick={() =>
          void session
            .start()
            .then(() => session.token())
            .catch(() => {})
        }
      >
        {t('cart.continue')}
      </button>
    </EmptyState>
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
