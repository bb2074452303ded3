import type { Credentials, Membership, Session, SessionEvent, Snapshot } from 'guestpass'
import { expect } from 'vitest'
import type { Tab } from './browser.ts'

declare global {
  interface Window {
    /** What the demo's page offers to play with in the console. */
    guestpass: Session
    /** The session's events since the page's session was first seen here. */
    heard: SessionEvent[]
    /** Every request of the page, as in `GET /items/`. */
    requests: string[]
    burst: Promise<Response[]>
    membership: Promise<Membership | Refused>
  }
}

/** What a `GuestpassError` says. */
export interface Refused {
  readonly code: string
  readonly status?: number
  readonly reason?: string
  readonly message: string
}

/** What the SDK keeps in localStorage, as far as the tests look at it. */
export interface Stored {
  readonly access_token: string
  readonly refresh_token: string
}

/** The demo's page in one tab, as a visitor sees it and as the console does. */
export class Shop {
  readonly tab: Tab

  constructor(tab: Tab) {
    this.tab = tab
  }

  /** Waits until the page has a guest and shows its goods; hands back the guest's id. Events are kept from here on. */
  async opened(): Promise<string> {
    await this.started()
    await expect.poll(() => this.tab.text('item-1'), { message: 'the first item' }).not.toBeNull()
    return this.active()
  }

  /** Waits until the page has a session, which may have no guest yet. Events are kept from here on. */
  async started(): Promise<void> {
    await this.tab.until('the page has a session', () => {
      if (!window.guestpass) return false
      if (!window.heard) {
        window.heard = []
        window.guestpass.onEvent((event) => window.heard.push(event))
      }
      return true
    })
  }

  /** Waits until the session is active, and hands back the guest's id. */
  async active(): Promise<string> {
    await this.status('active')
    const { id } = await this.snapshot()
    if (id === null) throw new Error('the session is active, but has no id')
    return id
  }

  async status(status: Snapshot['status']): Promise<void> {
    await expect.poll(async () => (await this.snapshot()).status).toBe(status)
  }

  snapshot(): Promise<Snapshot> {
    return this.tab.evaluate(() => window.guestpass.getSnapshot())
  }

  /** Every event of the session since `opened`. */
  heard(): Promise<SessionEvent[]> {
    return this.tab.evaluate(() => window.heard)
  }

  /** Waits for the first event of a type since `opened`. */
  async hears<Type extends SessionEvent['type']>(type: Type): Promise<Extract<SessionEvent, { type: Type }>> {
    const first = async () => (await this.heard()).find((event) => event.type === type)
    await expect.poll(first, { message: `an event of type ${type}` }).toBeDefined()
    return (await first()) as Extract<SessionEvent, { type: Type }>
  }

  /** Goes to another page, so that nothing of the session runs any more. */
  async leave(): Promise<void> {
    await this.tab.startLoading('about:blank')
    await this.tab.until('the shop is gone', () => !('guestpass' in window))
  }

  /** Whom the page shows as its visitor. */
  shownGuest(): Promise<string | undefined> {
    return this.tab.evaluate(() => document.querySelector<HTMLElement>('[data-testid="visitor-id"]')?.dataset.id)
  }

  /** What the page shows as its event log: the type of each event, in the page's order. */
  eventLog(): Promise<string[]> {
    return this.tab.evaluate(() =>
      [...document.querySelectorAll<HTMLElement>('[data-testid="event-log"] li')].map((li) => li.dataset.type ?? ''),
    )
  }

  /** The statuses of so many requests that go through the session at the same time. */
  async burst(path: string, count: number): Promise<number[]> {
    await this.startBurst(path, count)
    return this.burstEnded()
  }

  /** Sends so many requests through the session at the same time, and does not wait for what becomes of them. */
  startBurst(path: string, count: number): Promise<void> {
    return this.tab.evaluate(
      (path, count) => {
        window.burst = Promise.all(Array.from({ length: count }, () => window.guestpass.fetch(path)))
      },
      path,
      count,
    )
  }

  /** The statuses of what `startBurst` has sent. */
  burstEnded(): Promise<number[]> {
    return this.tab.evaluate(async () => (await window.burst).map(({ status }) => status))
  }

  /** Lets the session believe that its access token has expired. */
  expire(): Promise<void> {
    return this.tab.evaluate(() => window.guestpass.expire())
  }

  /** Who the server says that the session's requests come from. */
  me(): Promise<string> {
    return this.tab.evaluate(async () => (await (await window.guestpass.fetch('/me')).json()).id)
  }

  /** Puts one more of an item into the cart as a visitor does. The page shows it before the server has it. */
  add(item: number): Promise<void> {
    return this.tab.click(`add-${item}`)
  }

  /** Waits until both the page and the server have this many things in the cart. */
  async hasInCart(count: number): Promise<void> {
    await expect.poll(() => this.tab.text('cart-count'), { message: 'the page' }).toMatch(new RegExp(`\\b${count}\\b`))
    await expect.poll(() => this.cartAtServer(), { message: 'the server' }).toBe(count)
  }

  /** What the SDK keeps in this browser; null when it keeps no credential. */
  stored(): Promise<Stored | null> {
    return this.tab.evaluate(() => {
      const key = Object.keys(localStorage).find((key) => key.startsWith('guestpass:'))
      return key === undefined ? null : (JSON.parse(localStorage.getItem(key) ?? '{}').credential ?? null)
    })
  }

  /** As `stored`, where there has to be something. */
  async credential(): Promise<Stored> {
    const stored = await this.stored()
    if (!stored) throw new Error('this browser keeps no credential')
    return stored
  }

  hasLocks(): Promise<boolean> {
    return this.tab.evaluate(() => 'locks' in navigator)
  }

  /** How many tabs of this browser wait for a lock. */
  waitingForLocks(): Promise<number> {
    return this.tab.evaluate(async () => (await navigator.locks.query()).pending?.length ?? 0)
  }

  forgetRequests(): Promise<void> {
    return this.tab.evaluate(() => {
      window.requests = []
    })
  }

  /** How often this page has sent such a request, as in `GET /items/`; replays count. */
  requests(request: string): Promise<number> {
    return this.tab.evaluate((request) => window.requests.filter((sent) => sent === request).length, request)
  }

  /** How many things the server has in the visitor's cart. */
  async cartAtServer(): Promise<number> {
    const lines = await this.linesAtServer()
    return lines.reduce((sum, { quantity }) => sum + quantity, 0)
  }

  /** What the server has in the visitor's cart. */
  linesAtServer(): Promise<{ item_id: number; quantity: number }[]> {
    return this.tab.evaluate(async () => (await (await window.guestpass.fetch('/me/cart')).json()).lines)
  }

  /** Becomes a member as the page's script would, and waits for what comes of it. */
  async becomesMember(how: 'register' | 'login', credentials: Credentials): Promise<Membership | Refused> {
    await this.startsToBecomeMember(how, credentials)
    return this.becameMember()
  }

  /** Asks to become a member, and does not wait for what comes of it. */
  startsToBecomeMember(how: 'register' | 'login', credentials: Credentials): Promise<void> {
    return this.tab.evaluate(
      (how, credentials) => {
        window.membership = window.guestpass[how](credentials).catch(({ code, status, reason, message }) => ({
          code,
          status,
          reason,
          message,
        }))
      },
      how,
      credentials,
    )
  }

  /** What has come of `startsToBecomeMember`. */
  becameMember(): Promise<Membership | Refused> {
    return this.tab.evaluate(() => window.membership)
  }
}
