import { createContext, type ReactNode, useContext, useMemo, useState } from 'react'
import { CartDrawer } from './CartDrawer'
import { MembershipDialog } from './MembershipDialog'

/** What is open over the page. */
interface ShopUi {
  readonly showCart: () => void
  readonly showMembership: (how: 'signUp' | 'logIn') => void
}

const ShopUiContext = createContext<ShopUi | null>(null)

export function ShopUiProvider({ children }: { readonly children: ReactNode }) {
  const [cartOpen, setCartOpen] = useState(false)
  const [membership, setMembership] = useState<'signUp' | 'logIn' | null>(null)
  const ui = useMemo(() => ({ showCart: () => setCartOpen(true), showMembership: setMembership }), [])
  return (
    <ShopUiContext value={ui}>
      {children}
      <CartDrawer open={cartOpen} onOpenChange={setCartOpen} />
      <MembershipDialog how={membership} onChange={setMembership} />
    </ShopUiContext>
  )
}

export function useShopUi(): ShopUi {
  const ui = useContext(ShopUiContext)
  if (!ui) throw new Error('this needs a ShopUiProvider above it')
  return ui
}
