import { useCart } from '../cart'
import { Icon } from './Icon'
import { Logo } from './Logo'

export function Header({ onShowCart }: { readonly onShowCart: () => void }) {
  const { count } = useCart()
  return (
    <header className="header">
      <a className="brand" href="/">
        <Logo />
        <span className="brand-name">Guestpass</span>
        <span className="brand-kind">demo shop</span>
      </a>
      <button type="button" className="cart-button" onClick={onShowCart} aria-label={`Cart, ${things(count)}`}>
        <Icon name="bag" />
        <span className="cart-button-word">Cart</span>
        <span className="cart-count" data-testid="cart-count" data-empty={count === 0}>
          {count}
        </span>
      </button>
    </header>
  )
}

function things(count: number): string {
  return count === 1 ? '1 thing' : `${count} things`
}
