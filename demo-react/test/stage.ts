import { GuestpassError, type Snapshot } from 'guestpass'
import { vi } from 'vitest'

/** A session that does what a test says, in place of the page's own. */
export class FakeSession {
  readonly fetch = vi.fn<(input: string, init?: RequestInit) => Promise<Response>>()
  readonly #listeners = new Set<() => void>()
  #snapshot: Snapshot = { status: 'idle', id: null, kind: null, expiresAt: null }

  readonly getSnapshot = (): Snapshot => this.#snapshot

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  becomes(change: Partial<Snapshot>): void {
    this.#snapshot = { ...this.#snapshot, ...change }
    for (const listener of this.#listeners) listener()
  }

  get watched(): boolean {
    return this.#listeners.size > 0
  }
}

/** As much of a page as the code under test listens to. */
export class FakePage {
  readonly window = new EventTarget()
  readonly document = Object.assign(new EventTarget(), { visibilityState: 'visible' })

  constructor() {
    vi.stubGlobal('window', this.window)
    vi.stubGlobal('document', this.document)
  }

  comesIntoView(): void {
    this.document.dispatchEvent(new Event('visibilitychange'))
  }
}

/** Answers that a test gives when it likes, to questions that are numbered from 1. */
export class Answers<T> {
  readonly #questions: Question<T>[] = []

  readonly ask = (): Promise<T> => new Promise((resolve, reject) => this.#questions.push({ resolve, reject }))

  get asked(): number {
    return this.#questions.length
  }

  /** Answers, and lets everything that follows from it happen. */
  async give(number: number, answer: T): Promise<void> {
    this.#question(number).resolve(answer)
    await settled()
  }

  async fail(number: number, error: unknown): Promise<void> {
    this.#question(number).reject(error)
    await settled()
  }

  #question(number: number): Question<T> {
    const question = this.#questions[number - 1]
    if (!question) throw new Error(`question ${number} was not asked; ${this.asked} were`)
    return question
  }
}

interface Question<T> {
  readonly resolve: (answer: T) => void
  readonly reject: (error: unknown) => void
}

export const serverIsAway = new TypeError('Failed to fetch')
export const refused = new GuestpassError('rejected', 'The server refused')

/** Lets whoever waits for a settled promise go on. */
async function settled(): Promise<void> {
  await new Promise(setImmediate)
}
