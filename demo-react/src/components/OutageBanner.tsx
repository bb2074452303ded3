import { seconds } from '../format'
import { useNow } from '../hooks/useNow'
import { useOutage } from '../hooks/useOutage'
import { Icon } from './Icon'

/** Says that the server does not answer, for as long as it does not. */
export function OutageBanner() {
  const outage = useOutage()
  if (!outage) return null
  return (
    <section className="banner" data-testid="error-banner" aria-label="Connection">
      <Icon name="alert" />
      <p>
        <strong role="alert">{outage.reason}</strong> Your session and your cart are kept.{' '}
        <NextAttempt at={outage.retryAt} />
      </p>
    </section>
  )
}

function NextAttempt({ at }: { readonly at: number | null }) {
  const now = useNow(250)
  const left = at === null ? 0 : at - now
  return <span className="banner-next">{left > 0 ? `Trying again in ${seconds(left)}.` : 'Trying again now…'}</span>
}
