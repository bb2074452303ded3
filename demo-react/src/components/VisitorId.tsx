import { useTranslation } from 'react-i18next'
import { splitId } from '../format'

interface VisitorIdProps {
  readonly id: string | null
  readonly testId?: string
}

const START = 8
const END = 6

/** An id that is shown without its middle. The text contains the complete id, for copying and for screen readers. */
export function VisitorId({ id, testId }: VisitorIdProps) {
  const { t } = useTranslation()
  if (id === null) {
    return (
      <span className="visitor-id quiet" data-testid={testId}>
        {t('session.nobody')}
      </span>
    )
  }
  const [kind, unique] = splitId(id)
  return (
    <span className="visitor-id" data-testid={testId} data-id={id} title={id}>
      <span className="visitor-id-kind">{kind}</span>
      {unique.slice(0, START)}
      <span className="visitor-id-gap">
        <span className="visually-hidden">{unique.slice(START, -END)}</span>
      </span>
      {unique.slice(-END)}
    </span>
  )
}
