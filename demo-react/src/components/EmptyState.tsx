import type { LucideIcon } from 'lucide-react'
import type { ReactNode } from 'react'

interface EmptyStateProps {
  readonly Icon: LucideIcon
  readonly title: string
  readonly hint: string
  readonly testId?: string
  readonly children?: ReactNode
}

/** Shown in place of an empty list: says what is missing, and what the visitor can do. */
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
