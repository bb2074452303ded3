// The panel of `SessionDevtools`. `guestpass/react` loads this module when the panel is first shown.

import {
  type CSSProperties,
  createElement as h,
  type ReactNode,
  useEffect,
  useState,
  useSyncExternalStore,
} from 'react'
import { IDLE } from './snapshots.js'
import type { Session, SessionEvent } from './types.js'

/** Props of `SessionDevtools`. */
export interface SessionDevtoolsProps {
  /** Whether the panel is open at first. Default false: a small button in the corner of the page. */
  readonly open?: boolean
}

/** How many events the timeline shows. */
const MAX_EVENTS = 50

export default function Devtools({ session, open }: SessionDevtoolsProps & { readonly session: Session }): ReactNode {
  const snapshot = useSyncExternalStore(session.subscribe, session.getSnapshot, () => IDLE)
  const events = useEvents(session)
  const [offline, setOffline] = useOffline()
  const [failure, setFailure] = useState('')
  const act = (act: () => unknown) => () => {
    setFailure('')
    Promise.resolve(act()).catch((error: unknown) => setFailure(String(error)))
  }
  const { status, id, kind, expiresAt, error } = snapshot
  const facts = {
    status,
    id,
    kind,
    expires: expiresAt && time(expiresAt),
    error: error && `${error.code}: ${error.message}`,
  }
  return h(
    'details',
    { open, style: PANEL, 'data-guestpass-devtools': '' },
    h('summary', { style: { cursor: 'pointer', padding: 8 } }, `guestpass: ${status}${offline ? ', offline' : ''}`),
    h(
      'div',
      { style: { padding: 8 } },
      button('Expire token', act(session.expire)),
      button(
        'Revoke session',
        act(() => revoke(session)),
      ),
      button(offline ? 'Go online' : 'Go offline', () => setOffline(!offline), offline),
      failure && h('p', { role: 'alert' }, failure),
      h(
        'dl',
        { style: FACTS },
        Object.entries(facts).flatMap(([name, fact]) =>
          fact ? [h('dt', { key: name }, name), h('dd', { key: `${name}=`, style: { margin: 0 } }, fact)] : [],
        ),
      ),
      h(
        'ol',
        { 'aria-label': 'Timeline', reversed: true, style: TIMELINE },
        events.map(({ key, event: { at, type, ...more } }) =>
          h(
            'li',
            { key },
            `${time(at)} ${type} ${Object.entries(more)
              .map((entry) => entry.join('='))
              .join(' ')}`,
          ),
        ),
      ),
    ),
  )
}

function useEvents(session: Session): readonly { readonly key: number; readonly event: SessionEvent }[] {
  const [events, setEvents] = useState<readonly { readonly key: number; readonly event: SessionEvent }[]>([])
  useEffect(
    () =>
      session.onEvent((event) =>
        setEvents((old) => [{ key: (old[0]?.key ?? 0) + 1, event }, ...old].slice(0, MAX_EVENTS)),
      ),
    [session],
  )
  return events
}

/** While offline, every `fetch` of this page fails. Removing the panel restores the network. */
function useOffline(): [boolean, (offline: boolean) => void] {
  const [offline, setOffline] = useState(false)
  useEffect(() => {
    if (!offline) return
    const real = globalThis.fetch
    const failing: typeof fetch = async () => {
      throw new TypeError('Failed to fetch: the Guestpass panel has taken this page offline; press "Go online" there')
    }
    globalThis.fetch = failing
    dispatchEvent(new Event('offline'))
    return () => {
      // Do not undo a later replacement by other code.
      if (globalThis.fetch === failing) globalThis.fetch = real
      dispatchEvent(new Event('online'))
    }
  }, [offline])
  return [offline, setOffline]
}

/** Revokes the session at the server (RFC 7009) without telling the session, which finds out with its next request. */
async function revoke(session: Session): Promise<void> {
  const body = new URLSearchParams({ token: await session.token() })
  const response = await session.fetch('revoke', { method: 'POST', body })
  if (!response.ok) throw new Error(`the server responded to the revocation with HTTP ${response.status}`)
}

function button(text: string, onClick: () => void, pressed = false): ReactNode {
  return h('button', { type: 'button', onClick, 'aria-pressed': pressed, style: { marginRight: 8 } }, text)
}

function time(at: number): string {
  return new Date(at).toLocaleTimeString()
}

const PANEL: CSSProperties = {
  position: 'fixed',
  right: 8,
  bottom: 8,
  zIndex: 2147483647,
  maxWidth: 'min(32rem, calc(100vw - 16px))',
  font: '12px/1.5 ui-monospace, monospace',
  color: '#1b1b1f',
  background: '#fff',
  border: '1px solid #888',
  borderRadius: 6,
}
const FACTS: CSSProperties = {
  display: 'grid',
  gridTemplateColumns: 'max-content 1fr',
  gap: '0 8px',
  overflowWrap: 'anywhere',
}
const TIMELINE: CSSProperties = { maxHeight: '16rem', overflow: 'auto', margin: 0 }
