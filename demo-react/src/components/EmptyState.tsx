import type { LucideIcon } from 'lucide-react'
import type { ReactNode } from 'react'

interface EmptyStateProps {
  readonly Icon: LucideIcon
  readonly title: string
  readonly hint: string
  readonly testId?: string
  readonly children?: ReactNode
}

/** Where there is nothing to show: what is missing, and what to do about it. */
export function EmptyState({ Icon, title, hint, testId, children }: EmptyStateProps) {
  return (
    <div className="empty" data-testid={testId}>
      <span className="empty-picture">
        <Icon aria-hidden="true" />
      </span>
      <p className="empty-title">{title}</p>
      <p className="quiet">{hint}</p>
      {children}
    </div>
  )
}
