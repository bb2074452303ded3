import { CloudRain } from 'lucide-react'
import { useTranslation } from 'react-i18next'
import { failureOf } from '../failure'
import { EmptyState } from './EmptyState'

interface LoadFailureProps {
  readonly error: unknown
  readonly onRetry: () => void
}

/** Shown in place of data that did not load. */
export function LoadFailure({ error, onRetry }: LoadFailureProps) {
  const { t } = useTranslation()
  const failure = failureOf(error)
  return (
    <EmptyState
      Icon={CloudRain}
      title={t('failure.title')}
      hint={failure?.kind === 'refused' && failure.message ? failure.message : t('failure.unreachable')}
    >
      <button type="button" className="button" onClick={onRetry}>
        {t('failure.retry')}
      </button>
    </EmptyState>
  )
}
