import { createContext, type ReactNode, useContext, useMemo, useState } from 'react'
import { CartDrawer } from './CartDrawer'
import { MembershipDialog } from './MembershipDialog'

/** Opens the cart drawer and the membership dialog from any component. */
interface Overlays {
  readonly showCart: () => void
  readonly showMembership: (how: 'signUp' | 'logIn') => void
}

const OverlaysContext = createContext<Overlays | null>(null)

export function OverlaysProvider({ children }: { readonly children: ReactNode }) {
  const [cartOpen, setCartOpen] = useState(false)
  const [membership, setMembership] = useState<'signUp' | 'logIn' | null>(null)
  const ui = useMemo(() => ({ showCart: () => setCartOpen(true), showMembership: setMembership }), [])
  return (
    <OverlaysContext value={ui}>
      {children}
      <CartDrawer open={cartOpen} onOpenChange={setCartOpen} />
      <MembershipDialog how={membership} onChange={setMembership} />
    </OverlaysContext>
  )
}

export function useOverlays(): Overlays {
  const ui = useContext(OverlaysContext)
  if (!ui) throw new Error('wrap this component in <OverlaysProvider>')
  return ui
}
