import { type MouseEvent, type ReactNode, useEffect, useRef } from 'react'
import { Icon } from './Icon'

interface CartDrawerProps {
  readonly open: boolean
  readonly onClose: () => void
  readonly children: ReactNode
}

/** The cart where there is no room beside the items: over the page, from its edge. */
export function CartDrawer({ open, onClose, children }: CartDrawerProps) {
  const ref = useRef<HTMLDialogElement>(null)

  useEffect(() => {
    if (open) ref.current?.showModal()
    else ref.current?.close()
  }, [open])

  // The dialog covers none of its backdrop, so a click on the dialog itself is one beside its content.
  function closeFromBackdrop(event: MouseEvent) {
    if (event.target === ref.current) onClose()
  }

  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the keyboard's way is Escape, which the dialog itself handles
    <dialog ref={ref} className="drawer" aria-labelledby="cart-heading" onClose={onClose} onClick={closeFromBackdrop}>
      <div className="drawer-content">
        <button type="button" className="icon-button drawer-close" aria-label="Close the cart" onClick={onClose}>
          <Icon name="close" />
        </button>
        {children}
      </div>
    </dialog>
  )
}
