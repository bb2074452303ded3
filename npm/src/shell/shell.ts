// The browser around the compiled machine: performs its effects, and tells it how they ended.

import { encode } from '../base64url.js'
import { GuestpassError, refusal } from '../errors.js'
import type { Effects, MachineClass } from '../machine.js'
import type { Manager, ManagerOptions, Notify } from '../manager.js'
import { IDLE } from '../snapshots.js'
import type { ErrorCode, Membership, Snapshot } from '../types.js'
import { readAnswer } from './answer.js'
import { Call, cancel } from './call.js'
import { locksOf } from './locks.js'
import { logTo } from './log.js'
import { EFFECTS, FAILURES, INPUTS, type InputName, OUTCOMES, REQUESTS, type RequestName } from './names.js'
import { listen } from './outside.js'
import { readRecord, writeRecord } from './record.js'
import { openStore } from './storage.js'
import { keepTexts } from './texts.js'
import { now, timerFor } from './timer.js'
import { eventOf, failureOf, snapshotOf } from './view.js'

/** A token, its version, and how often the request has been sent before. */
type Grant = [accessToken: string, epoch: number, generation: number, attempt: number]

interface Waiter {
  resolve(outcome: Grant | string | undefined): void
  reject(reason: unknown): void
  readonly signal: AbortSignal | null | undefined
}

/** Runs one session with a machine of this class. */
export function runSession(Machine: MachineClass, options: ManagerOptions, notify: Notify): Manager {
  // Of this server's alone: what one has given is not for another to see (C12).
  const key = `guestpass:${options.name}@${options.baseUrl}`
  const log = options.debug && logTo(options.debug)
  const store = openStore(options.storage, key)
  const locks = locksOf(key)
  const texts = keepTexts()
  const waiters = new Map<number, Waiter>()
  const sending = new Map<number, AbortController>()
  let nextWaiter = 0
  let snapshot: Snapshot = IDLE
  // What the machine has granted in this turn; and, while nothing else happens, what it would grant until then.
  let latest: Grant | undefined
  let standing: Grant | undefined
  let until = { mono: 0, wall: 0 }

  /** The end of an effect. */
  const ended = (name: InputName, op: number) => input(name, op, `${name}#${op}`)
  const happened = (name: InputName) => input(name, 0, name)
  const call = (name: InputName, waiter: number) => input(name, waiter, `${name}~${waiter}`)
  const input = (name: InputName, number: number, words: string) => {
    log?.input(words)
    machine.input(INPUTS.indexOf(name), number)
  }
  const arm = timerFor(() => happened('tick'))

  /** The effects that carry nothing but their op. */
  const simple = {
    load(op: number) {
      const failed = () => ended('storage-failed', op)
      store.load((text) => loaded(op, text, failed), failed)
    },
    'take-lock': (op: number) => locks.take(op, (how) => ended(`lock-${how}`, op)),
    'release-lock': locks.release,
    'make-key'(op: number) {
      log?.input(`key-made#${op}`)
      machine.keyMade(op, texts.number(randomKey()))
    },
    cancel: (op: number) => sending.get(op)?.abort(),
    shutdown: () => outside.close(),
  }

  const effects: Effects = {
    effect(place, op) {
      const name = EFFECTS[place] as (typeof EFFECTS)[number]
      log?.effect(op ? `${name}#${op}` : name)
      simple[name](op)
    },
    store(op, epoch, generation, parting, claim, accessToken, refreshToken, subject, lifetime, expiresAt) {
      log?.effect(`store#${op}@${epoch}.${generation}`)
      const credential = accessToken && {
        access_token: texts.text(accessToken),
        refresh_token: texts.text(refreshToken),
        id: texts.id(subject),
        lifetime,
        expires_at: expiresAt,
      }
      store.store(
        writeRecord({ epoch, generation, parting, claim: texts.text(claim), credential: credential || null }),
        () => ended('saved', op),
        () => ended('storage-failed', op),
      )
    },
    send(op, request, text, body) {
      log?.effect(`send#${op}:${REQUESTS[request]?.[0]}`)
      void send(op, request, texts.text(text) as string, texts.text(body))
    },
    publish(epoch, given, parting) {
      // Not a number, or 1 and more.
      const generation = given || undefined
      log?.effect(`publish${newsWords(epoch, generation)}`)
      outside.publish(epoch, generation, parting)
    },
    grant(waiter, accessToken, ...version) {
      log?.effect(`settle~${waiter}:token`)
      const grant: Grant = [texts.text(accessToken) as string, ...version]
      latest = version[2] ? undefined : grant
      settled(waiter)?.resolve(grant)
    },
    settle(waiter, place, status, named) {
      const outcome = OUTCOMES[place - FAILURES.length]
      const failure = outcome ? undefined : failureOf(place, status)
      log?.effect(`settle~${waiter}:${outcome ?? failure?.code}`)
      const waiting = settled(waiter)
      const text = texts.text(named)
      if (failure) {
        const { code, message } = failure
        const aborted = code === 'aborted' && waiting?.signal
        waiting?.reject(aborted ? reason(aborted) : new GuestpassError(code as ErrorCode, message))
      } else if (outcome === 'refused') {
        waiting?.reject(refusal(status, text as string))
      } else {
        waiting?.resolve(text)
      }
    },
    show(...numbers) {
      snapshot = snapshotOf(texts, ...numbers)
    },
    step: () => log?.end(snapshot.status),
    tell: (event, ...numbers) => notify(snapshot, event ? eventOf(texts, event, ...numbers) : undefined),
    arm(at, mono, wall) {
      standing = latest
      latest = undefined
      until = { mono, wall }
      texts.forget((text) => machine.holds(text))
      arm(at, waiters.size === 0)
    },
  }

  const machine = new Machine(
    effects,
    store.there,
    store.shared,
    options.onIdentityLost === 'stop',
    Math.random() * 2 ** 53,
  )
  const outside = listen(
    key,
    store.shared,
    (epoch, generation, parting) => {
      log?.input(`heard${newsWords(epoch, generation)}`)
      machine.heard(epoch, generation, parting)
    },
    happened,
  )

  function loaded(op: number, stored: unknown, failed: () => void): void {
    const found = readRecord(stored)
    if (!found) {
      failed()
      return
    }
    const [corrupt, epoch, generation, parting, claim, accessToken, refreshToken, id, ...times] = found
    log?.input(`loaded#${op}${epoch === undefined ? (corrupt ? ':corrupt' : ':empty') : `@${epoch}.${generation}`}`)
    const { number, subject } = texts
    machine.loaded(
      op,
      corrupt,
      epoch,
      generation,
      parting,
      number(claim),
      number(accessToken),
      number(refreshToken),
      subject(id),
      ...times,
    )
  }

  /** A request of the session's own: plain `fetch`, never through the authenticated path (C1). */
  async function send(op: number, request: number, text: string, body: string | undefined): Promise<void> {
    const controller = new AbortController()
    sending.set(op, controller)
    const [name, path] = REQUESTS[request] as (typeof REQUESTS)[number]
    const answer = await fetch(options.baseUrl + path, {
      method: 'POST',
      ...contentOf(name, text, body),
      cache: 'no-store',
      credentials: 'omit',
      // A token endpoint does not move; a captive portal redirects. `error` would say so, but workerd does not know it.
      redirect: 'manual',
      // Whoever has signed out may leave the page at once.
      keepalive: name === 'revoke',
      signal: controller.signal,
    })
      .then(readAnswer)
      .catch(() => undefined)
    sending.delete(op)
    if (!answer) return ended('send-failed', op)
    const { status, retryAfter, isToken = false, id, refreshToken, expiresIn } = answer
    log?.input(`answered#${op}:${status}`)
    const [named, refresh] = [texts.number(answer.text), texts.number(refreshToken)]
    machine.answered(op, status, retryAfter, isToken, named, texts.subject(id), refresh, expiresIn)
  }

  function settled(id: number): Waiter | undefined {
    const waiter = waiters.get(id)
    waiters.delete(id)
    return waiter
  }

  /**
   * Waits for the outcome of what `ask` asks for, or for the caller's abort: a token, what the server has answered to an
   * upgrade, or nothing: deliver the answer as it is.
   */
  async function wait(ask: (waiter: number) => void, signal?: AbortSignal | null): Promise<Grant | string | undefined> {
    if (signal?.aborted) throw reason(signal)
    const waiter = nextWaiter++
    const abandon = () => call('abandon', waiter)
    try {
      return await new Promise((resolve, reject) => {
        waiters.set(waiter, { resolve, reject, signal })
        ask(waiter)
        if (waiters.has(waiter)) signal?.addEventListener('abort', abandon)
      })
    } finally {
      signal?.removeEventListener('abort', abandon)
    }
  }

  /** Without asking the machine, where it has said what it would answer. The log tells each question. */
  function granted(signal?: AbortSignal | null): Grant | undefined {
    if (!log && !signal?.aborted && now() < until.mono && Date.now() < until.wall) return standing
  }

  function errand(kind: RequestName, body?: string): ReturnType<typeof wait> {
    return wait((waiter) => {
      log?.input(`${kind}~${waiter}`)
      const request = REQUESTS.findIndex(([name]) => name === kind)
      machine.errand(waiter, now() + options.timeout, request, texts.number(body))
    })
  }

  function wanted(fresh: boolean, timeout = options.timeout): (waiter: number) => void {
    return (waiter) => {
      log?.input(`token-wanted~${waiter}${fresh ? ':fresh' : ''}`)
      machine.tokenWanted(waiter, now() + timeout, fresh)
    }
  }

  return {
    async fetch(input, init) {
      // Read now, as `fetch` does it: the caller may change what it passed as soon as this returns.
      const request = new Call(options.baseUrl, input, init)
      if (!request.takesToken(options.allowedOrigins)) return request.sendUnchanged()
      const { signal, replayable } = request
      let grant = granted(signal) ?? (await wait(wanted(!replayable), signal))
      for (;;) {
        const [token, epoch, generation, attempt] = grant as Grant
        const response = await request.send(token, attempt > 0)
        if (response.status !== 401 || request.wasLedAway(response)) {
          request.settled()
          return response
        }
        // Whether there is a replay is the machine's to say: at most one.
        const refused = (waiter: number) => {
          log?.input(`unauthorized~${waiter}@${epoch}.${generation}`)
          machine.unauthorized(waiter, now() + options.timeout, epoch, generation, attempt, replayable)
        }
        try {
          grant = await wait(refused, signal)
        } catch (error) {
          cancel(response.body)
          throw error
        }
        if (!grant) {
          request.settled()
          return response
        }
        // Nobody will read this answer.
        cancel(response.body)
      }
    },
    async token(signal, timeout) {
      const grant = granted(signal) ?? (await wait(wanted(false, timeout), signal))
      return (grant as Grant)[0]
    },
    async start(anew) {
      await wait((waiter) => call(anew ? 'start-anew' : 'start', waiter))
    },
    async signOut(forGood) {
      await wait((waiter) => call(forGood ? 'sign-out-for-good' : 'sign-out', waiter))
    },
    async upgrade(kind, body) {
      return JSON.parse((await errand(kind, JSON.stringify(body))) as string) as Membership
    },
    async erase() {
      await errand('erase')
    },
    expire: () => happened('expire'),
    close: () => happened('close'),
  }
}

/** What a `POST`, or to erase a `DELETE`, is sent with; `text` is the key or token of it. */
function contentOf(name: RequestName, text: string, body: string | undefined): RequestInit {
  const Authorization = `Bearer ${text}`
  const json = { 'Content-Type': 'application/json' }
  switch (name) {
    case 'acquire':
      return { headers: { ...json, 'Idempotency-Key': text }, body: '{"refresh":true}' }
    case 'refresh':
      return { body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: text }) }
    case 'revoke':
      return { body: new URLSearchParams({ token: text }) }
    case 'erase':
      return { method: 'DELETE', headers: { Authorization } }
    default:
      return { headers: { ...json, Authorization }, body: body as string }
  }
}

function newsWords(epoch: number, generation: number | undefined): string {
  return generation === undefined ? `@${epoch}.0:signed-out` : `@${epoch}.${generation}:committed`
}

/** What `fetch` rejects with. Older engines abort without a reason. */
function reason(signal: AbortSignal): unknown {
  return signal.reason ?? new DOMException('the call was aborted', 'AbortError')
}

/** An idempotency key: 144 random bits, 24 characters. */
function randomKey(): string {
  return encode(crypto.getRandomValues(new Uint8Array(18)))
}
