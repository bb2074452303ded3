import type { Failure } from '../failure'

interface LoadFailureProps {
  /** What did not load, as the beginning of a sentence in the plural. */
  readonly what: string
  readonly failure: Failure
  readonly onRetry: () => void
}

/** In place of data that did not load. */
export function LoadFailure({ what, failure, onRetry }: LoadFailureProps) {
  return (
    <div className="load-failure">
      <span className="load-failure-picture" aria-hidden="true">
        🌧️
      </span>
      <h2>{what} did not load</h2>
      <p>
        {failure.message}
        {failure.kind === 'unreachable' && ' They load by themselves as soon as it is back.'}
      </p>
      <button type="button" className="button" onClick={onRetry}>
        Try again now
      </button>
    </div>
  )
}
