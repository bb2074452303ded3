import { Check, Copy } from 'lucide-react'
import { useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'

interface CopyButtonProps {
  readonly text: string
  readonly label: string
}

const THANKS = 1600

export function CopyButton({ text, label }: CopyButtonProps) {
  const { t } = useTranslation()
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
