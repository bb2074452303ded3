import { useEffect, useState } from 'react'
import { Icon } from './Icon'

interface CopyButtonProps {
  readonly text: string
  readonly label: string
}

const THANKS = 1600

export function CopyButton({ text, label }: CopyButtonProps) {
  const [copied, setCopied] = useState(false)

  useEffect(() => {
    if (!copied) return
    const timer = setTimeout(() => setCopied(false), THANKS)
    return () => clearTimeout(timer)
  }, [copied])

  // Only a page on https or localhost has a clipboard to write to.
  if (!navigator.clipboard) return null

  function copy() {
    navigator.clipboard.writeText(text).then(
      () => setCopied(true),
      // Refused by the visitor or the browser: the tick does not appear, and the text can still be selected.
      () => setCopied(false),
    )
  }

  return (
    <button type="button" className="icon-button" aria-label={copied ? 'Copied' : label} title={label} onClick={copy}>
      <Icon name={copied ? 'check' : 'copy'} />
    </button>
  )
}
