// The tabs of this browser that show the demo, and what they tell each other. What they share of the session itself,
// Guestpass shares by its own means; this is only for what people see.

import type { SessionEvent } from 'guestpass'
import type { Wire } from './wire'

/** Something that happened in a tab. Never holds a token, a header or a body. */
export type Mark = { readonly at: number } & (
  | { readonly kind: 'event'; readonly event: SessionEvent }
  | { readonly kind: 'request'; readonly wire: Wire }
)

export type Message =
  | {
      readonly type: 'here'
      readonly tab: string
      readonly opened: number
      readonly answer: boolean
      readonly ready?: boolean
    }
  | { readonly type: 'gone'; readonly tab: string }
  | { readonly type: 'mark'; readonly tab: string; readonly mark: Mark }
  | { readonly type: 'changed'; readonly tab: string; readonly what: string }
  | { readonly type: 'act'; readonly tab: string; readonly run: string }
  | { readonly type: 'acted'; readonly tab: string; readonly run: string; readonly outcome: TabOutcome }

/** What became of the two requests that a tab sent, one of each shop. */
export interface TabOutcome {
  readonly guestpass: number
  readonly classic: number
  readonly id: string | null
}

/** This tab, by a name of its own. */
export const TAB = crypto.randomUUID().slice(0, 8)
export const OPENED = Date.now()

const channel = new BroadcastChannel('guestpass-demo')
const listeners = new Set<(message: Message) => void>()

channel.onmessage = ({ data }: MessageEvent<Message>) => {
  for (const listener of listeners) listener(data)
}

export function tell(message: Message): void {
  channel.postMessage(message)
}

/** Calls `listener` with what other tabs tell; returns the way to stop. */
export function hear(listener: (message: Message) => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}
