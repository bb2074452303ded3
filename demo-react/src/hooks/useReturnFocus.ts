import { useRef } from 'react'

/**
 * Props for the content of a dialog, which return the keyboard focus to the previous element when the dialog closes. The
 * dialog library does so only for a trigger button inside of the dialog component.
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
