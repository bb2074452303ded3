// The shop of the demo in one tab, for tests.

import type { Credentials, Membership, Session, SessionEvent, Snapshot } from 'guestpass'
import { expect } from 'vitest'
import type { Tab } from './browser.ts'

declare global {
  interface Window {
    /** The session, which the page of the demo exposes. */
    guestpass: Session
    /** The events of the session since `Shop.waitForSession`. */
    events: SessionEvent[]
    /** All requests of the page, such as `GET /items/`. */
    requests: string[]
    burst: Promise<Response[]>
    membership: Promise<Membership | ErrorDetails>
  }
}

/** The members of a `GuestpassError`. */
export interface ErrorDetails {
  readonly code: string
  readonly status?: number
  readonly reason?: string
  readonly message: string
}

/** The members that tests use of the credential in localStorage. */
export interface Stored {
  readonly access_token: string
  readonly refresh_token: string
}

/** A page of the demo in one tab: what it shows, and its session. */
export class Shop {
  readonly tab: Tab

  constructor(tab: Tab) {
    this.tab = tab
  }

  /** Waits until the page has a guest and shows the items. Resolves with the id of the guest. Starts to record events. */
  async waitUntilOpen(): Promise<string> {
    await this.waitForSession()
    await expect.poll(() => this.tab.text('item-1'), { message: 'the first item' }).not.toBeNull()
    return this.waitUntilActive()
  }

  /** Waits until the page has a session, maybe without a guest. Starts to record events. */
  async waitForSession(): Promise<void> {
    await this.tab.until('the page has a session', () => {
      if (!window.guestpass) return false
      if (!window.events) {
        window.events = []
        window.guestpass.onEvent((event) => window.events.push(event))
      }
      return true
    })
  }

  /** Waits until the session is active. Resolves with the id of the guest. */
  async waitUntilActive(): Promise<string> {
    await this.waitForStatus('active')
    const { id } = await this.snapshot()
    if (id === null) throw new Error('the session is active, but has no id')
    return id
  }

  /** Waits until the session has this status. */
  async waitForStatus(status: Snapshot['status']): Promise<void> {
    await expect.poll(async () => (await this.snapshot()).status).toBe(status)
  }

  snapshot(): Promise<Snapshot> {
    return this.tab.evaluate(() => window.guestpass.getSnapshot())
  }

  /** All events of the session since `waitUntilOpen` or `waitForSession`. */
  events(): Promise<SessionEvent[]> {
    return this.tab.evaluate(() => window.events)
  }

  /** Waits for the first event of a type since `waitUntilOpen` or `waitForSession`. */
  async waitForEvent<Type extends SessionEvent['type']>(type: Type): Promise<Extract<SessionEvent, { type: Type }>> {
    const first = async () => (await this.events()).find((event) => event.type === type)
    await expect.poll(first, { message: `an event of type ${type}` }).toBeDefined()
    return (await first()) as Extract<SessionEvent, { type: Type }>
  }

  /** Leaves the page, so that its session stops. */
  async leave(): Promise<void> {
    await this.tab.startLoading('about:blank')
    await this.tab.until('the shop is gone', () => !('guestpass' in window))
  }

  /** The id of the guest that the page shows. */
  shownGuest(): Promise<string | undefined> {
    return this.tab.evaluate(() => document.querySelector<HTMLElement>('[data-testid="visitor-id"]')?.dataset.id)
  }

  /** The types of the events in the event log of the page, in the order of the page. */
  eventLog(): Promise<string[]> {
    return this.tab.evaluate(() =>
      [...document.querySelectorAll<HTMLElement>('[data-testid="event-log"] li')].map((li) => li.dataset.type ?? ''),
    )
  }

  /** Sends `count` concurrent requests through the session. Resolves with their statuses. */
  async burst(path: string, count: number): Promise<number[]> {
    await this.startBurst(path, count)
    return this.burstResult()
  }

  /** Sends `count` concurrent requests through the session, without waiting for the responses. */
  startBurst(path: string, count: number): Promise<void> {
    return this.tab.evaluate(
      (path, count) => {
        window.burst = Promise.all(Array.from({ length: count }, () => window.guestpass.fetch(path)))
      },
      path,
      count,
    )
  }

  /** Waits for the requests of `startBurst`. Resolves with their statuses. */
  burstResult(): Promise<number[]> {
    return this.tab.evaluate(async () => (await window.burst).map(({ status }) => status))
  }

  /** Makes the session treat its access token as expired. */
  expire(): Promise<void> {
    return this.tab.evaluate(() => window.guestpass.expire())
  }

  /** The id of the guest to whom the requests of the session belong, by the server's response to `GET /me`. */
  me(): Promise<string> {
    return this.tab.evaluate(async () => (await (await window.guestpass.fetch('/me')).json()).id)
  }

  /** Clicks the button that adds an item to the cart. The page shows the item before the server has stored it. */
  add(item: number | string): Promise<void> {
    return this.tab.click(`add-${item}`)
  }

  /** Waits until the cart has this many items, on the page and at the server. */
  async waitForCart(count: number): Promise<void> {
    await expect.poll(() => this.tab.text('cart-count'), { message: 'the page' }).toMatch(new RegExp(`\\b${count}\\b`))
    await expect.poll(() => this.cartAtServer(), { message: 'the server' }).toBe(count)
  }

  /** The credential in localStorage; null when there is none. */
  stored(): Promise<Stored | null> {
    return this.tab.evaluate(() => {
      const key = Object.keys(localStorage).find((key) => key.startsWith('guestpass:'))
      return key === undefined ? null : (JSON.parse(localStorage.getItem(key) ?? '{}').credential ?? null)
    })
  }

  /** The credential in localStorage. Throws when there is none. */
  async credential(): Promise<Stored> {
    const stored = await this.stored()
    if (!stored) throw new Error('there is no credential in localStorage')
    return stored
  }

  hasLocks(): Promise<boolean> {
    return this.tab.evaluate(() => 'locks' in navigator)
  }

  /** The number of tabs of this browser that wait for a lock. */
  waitingForLocks(): Promise<number> {
    return this.tab.evaluate(async () => (await navigator.locks.query()).pending?.length ?? 0)
  }

  forgetRequests(): Promise<void> {
    return this.tab.evaluate(() => {
      window.requests = []
    })
  }

  /** How often this page has sent a request such as `GET /items/`, replays included. */
  requests(request: string): Promise<number> {
    return this.tab.evaluate((request) => window.requests.filter((sent) => sent === request).length, request)
  }

  /** The number of items in the cart at the server. */
  async cartAtServer(): Promise<number> {
    const quantities = Object.values(await this.quantitiesAtServer())
    return quantities.reduce((sum, quantity) => sum + quantity, 0)
  }

  /** The quantity of each item in the cart at the server, by the id of the item. */
  async quantitiesAtServer(): Promise<Record<string, number>> {
    const entries = await this.entriesAtServer<{ quantity: number }>('cart')
    return Object.fromEntries(entries.map(({ key, value }) => [key, value.quantity]))
  }

  /** The entries of a collection at the server, the last changed entry first. */
  async entriesAtServer<Value>(collection: string): Promise<{ key: string; value: Value }[]> {
    return this.tab.evaluate(async (collection) => {
      const { entries } = await (await window.guestpass.fetch(`/me/${collection}`)).json()
      return entries.map(({ key, value }: { key: string; value: unknown }) => ({ key, value }))
    }, collection)
  }

  /** Calls `session.register` or `session.login`, and waits for the result. */
  async becomeMember(how: 'register' | 'login', credentials: Credentials): Promise<Membership | ErrorDetails> {
    await this.startBecomingMember(how, credentials)
    return this.membershipResult()
  }

  /** Calls `session.register` or `session.login`, without waiting for the result. */
  startBecomingMember(how: 'register' | 'login', credentials: Credentials): Promise<void> {
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

  /** Waits for the result of `startBecomingMember`. */
  membershipResult(): Promise<Membership | ErrorDetails> {
    return this.tab.evaluate(() => window.membership)
  }
}
