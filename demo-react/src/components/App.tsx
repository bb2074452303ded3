import { useRef, useState } from 'react'
import { useMediaQuery } from '../hooks/useMediaQuery'
import { CartDrawer } from './CartDrawer'
import { CartPanel } from './CartPanel'
import { Header } from './Header'
import { IdentityNotice } from './IdentityNotice'
import { ItemGrid } from './ItemGrid'
import { OutageBanner } from './OutageBanner'
import { SessionPanel } from './SessionPanel'

// The same widths as in layout.css.
const CART_BESIDE_ITEMS = '(min-width: 77.5rem)'

export function App() {
  const cartBeside = useMediaQuery(CART_BESIDE_ITEMS)
  const [drawerOpen, setDrawerOpen] = useState(false)
  const cartRef = useRef<HTMLElement>(null)

  function showCart() {
    if (cartBeside) cartRef.current?.focus()
    else setDrawerOpen(true)
  }

  return (
    <div className="page">
      <div className="shop">
        <div className="shop-top">
          <Header onShowCart={showCart} />
          <OutageBanner />
        </div>
        <main className="shop-main">
          <ItemGrid />
          {cartBeside && (
            <aside className="cart-side">
              <CartPanel ref={cartRef} />
            </aside>
          )}
        </main>
      </div>
      <SessionPanel />
      {!cartBeside && (
        <CartDrawer open={drawerOpen} onClose={() => setDrawerOpen(false)}>
          <CartPanel />
        </CartDrawer>
      )}
      <IdentityNotice />
    </div>
  )
}
