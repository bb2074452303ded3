import { useRef } from 'react'

/**
 * What the content of a dialog is given so that the keyboard is back where it was once the dialog has closed: the dialog
 * library knows of buttons that are part of a dialog, and these are elsewhere on the page.
 */
export function useReturnFocus() {
  const before = useRef<Element>(null)
  return {
    onOpenAutoFocus: () => {
      before.current = document.activeElement
    },
    onCloseAutoFocus: (event: Event) => {
      event.preventDefault()
      if (before.current instanceof HTMLElement) before.current.focus()
    },
  }
}
