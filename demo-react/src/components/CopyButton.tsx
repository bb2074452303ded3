import { Check, Copy } from 'lucide-react'
import { useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'

interface CopyButtonProps {
  readonly text: string
  readonly label: string
}

/** How long the button shows that the text was copied, in milliseconds. */
const CONFIRMATION = 1600

export function CopyButton({ text, label }: CopyButtonProps) {
  const { t } = useTranslation()
  const [copied, setCopied] = useState(false)

  useEffect(() => {
    if (!copied) return
    const timer = setTimeout(() => setCopied(false), CONFIRMATION)
    return () => clearTimeout(timer)
  }, [copied])

  // The clipboard exists only on pages of https or localhost.
  if (!navigator.clipboard) return null

  function copy() {
    navigator.clipboard.writeText(text).then(
      () => setCopied(true),
      // The visitor or the browser has refused. The text can still be selected.
      () => setCopied(false),
    )
  }

  const Icon = copied ? Check : Copy
  return (
    <button
      type="button"
      className="icon-button"
      aria-label={copied ? t('session.copied') : label}
      title={label}
      onClick={copy}
    >
      <Icon className="icon" aria-hidden="true" />
    </button>
  )
}
