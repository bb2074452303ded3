import { useSession } from 'guestpass/react'
import { FlaskConical, Heart, History, ShoppingBag, Store, UserRound } from 'lucide-react'
import { useTranslation } from 'react-i18next'
import { Link, NavLink } from 'react-router'
import { useCart } from '../cart'
import { Logo } from './Logo'
import { useOverlays } from './Overlays'
import { SearchField } from './SearchField'

const PAGES = [
  { to: '/', word: 'nav.shop', Icon: Store },
  { to: '/favorites', word: 'nav.favorites', Icon: Heart },
  { to: '/history', word: 'nav.history', Icon: History },
  { to: '/account', word: 'nav.account', Icon: UserRound },
  { to: '/lab', word: 'nav.lab', Icon: FlaskConical },
] as const

export function Header() {
  const { t } = useTranslation()
  return (
    <header className="header">
      <Link className="brand" to="/">
        <Logo />
        <span className="brand-name">Guestpass</span>
        <span className="brand-kind">{t('brand')}</span>
      </Link>
      <SearchField />
      <CartButton />
      <nav className="nav" aria-label={t('nav.label')}>
        {PAGES.map(({ to, word, Icon }) => (
          <NavLink key={to} to={to} end className="nav-link" data-testid={`nav-${to.slice(1) || 'shop'}`}>
            <Icon className="icon" aria-hidden="true" />
            <span>{t(word)}</span>
            {to === '/account' && <MemberDot />}
          </NavLink>
        ))}
      </nav>
    </header>
  )
}

/** A dot that marks a member. The account page says the same in words, for screen readers. */
function MemberDot() {
  const kind = useSession((snapshot) => snapshot.kind)
  return kind === 'user' ? <span className="nav-dot" aria-hidden="true" /> : null
}

function CartButton() {
  const { t } = useTranslation()
  const { showCart } = useOverlays()
  const { count } = useCart()
  return (
    <button type="button" className="cart-button" data-testid="open-cart" onClick={showCart}>
      <ShoppingBag className="icon" aria-hidden="true" />
      <span className="cart-button-word">{t('cart.word')}</span>
      <span className="cart-count" data-testid="cart-count" data-empty={count === 0}>
        {count}
      </span>
    </button>
  )
}
