import { TriangleAlert, WifiOff } from 'lucide-react'
import { useTranslation } from 'react-i18next'
import { secondsLeft } from '../format'
import { useNow } from '../hooks/useNow'
import { useOutage } from '../hooks/useOutage'

/** A banner that is shown while the server is unreachable. */
export function OutageBanner() {
  const { t } = useTranslation()
  const outage = useOutage()
  if (!outage) return null
  const offline = outage.reason === 'offline'
  const Icon = offline ? WifiOff : TriangleAlert
  return (
    <section className="banner" data-testid="error-banner" aria-label={t('outage.label')}>
      <Icon className="icon" aria-hidden="true" />
      <p>
        <strong role="alert">{offline ? t('outage.offline') : t(reasonKey(outage.reason))}</strong> {t('outage.kept')}{' '}
        {offline ? t('outage.onceOnline') : <NextAttempt at={outage.retryAt} />}
      </p>
    </section>
  )
}

const KNOWN = ['timeout', 'unavailable', 'rejected', 'load_failed'] as const

/** The key of the sentence that explains an error code. */
export function reasonKey(code: string | undefined): `outage.reasons.${(typeof KNOWN)[number] | 'network'}` {
  const known = KNOWN.find((reason) => reason === code)
  return `outage.reasons.${known ?? 'network'}`
}

function NextAttempt({ at }: { readonly at: number | null }) {
  const { t } = useTranslation()
  const now = useNow(250)
  const left = at === null ? 0 : at - now
  return (
    <span className="banner-next">{left > 0 ? t('outage.in', { count: secondsLeft(left) }) : t('outage.now')}</span>
  )
}
