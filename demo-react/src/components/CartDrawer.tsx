import { X } from 'lucide-react'
import { Dialog } from 'radix-ui'
import { useTranslation } from 'react-i18next'
import { useReturnFocus } from '../hooks/useReturnFocus'
import { CartPanel } from './CartPanel'

interface CartDrawerProps {
  readonly open: boolean
  readonly onOpenChange: (open: boolean) => void
}

/** The cart in a drawer over the page. */
export function CartDrawer({ open, onOpenChange }: CartDrawerProps) {
  const { t } = useTranslation()
  const returnFocus = useReturnFocus()
  return (
    <Dialog.Root open={open} onOpenChange={onOpenChange}>
      <Dialog.Portal>
        <Dialog.Overlay className="overlay" />
        <Dialog.Content className="drawer" aria-describedby={undefined} {...returnFocus}>
          <Dialog.Close className="icon-button drawer-close" aria-label={t('cart.close')}>
            <X className="icon" aria-hidden="true" />
          </Dialog.Close>
          <Dialog.Title className="cart-heading" tabIndex={-1}>
            {t('cart.heading')}
          </Dialog.Title>
          <CartPanel />
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  )
}
