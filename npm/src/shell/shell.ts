// The browser around the compiled machine: performs its effects, and tells it how they ended.

import type { CallName, Effects, EndName, ErrandName, Grant, MachineClass, NewsName } from '../machine.js'
import type { Host, Manager, ManagerOptions, Refusal } from '../manager.js'
import { IDLE } from '../snapshots.js'
import type { ErrorCode, Membership, Snapshot } from '../types.js'
import { readAnswer } from './answer.js'
import { Call, cancel } from './call.js'
import { locksOf } from './locks.js'
import { logTo } from './log.js'
import { listen } from './outside.js'
import { readRecord, writeRecord } from './record.js'
import { eventOf, snapshotOf } from './row.js'
import { openStore } from './storage.js'
import { now, timerFor } from './timer.js'

type Waiter = (outcome: string, message: string, grant?: Grant, refusal?: Refusal) => void

/** Runs one session with a machine of this class. */
export function runSession(Machine: MachineClass, options: ManagerOptions, host: Host): Manager {
  const key = `guestpass:${options.name}`
  const log = options.debug && logTo(options.debug)
  const store = openStore(options.storage, key)
  const locks = locksOf(key)
  const waiters = new Map<number, Waiter>()
  const sending = new Map<number, AbortController>()
  let nextWaiter = 0
  let snapshot: Snapshot = IDLE
  // What the machine has granted in this turn; and, while nothing else happens, what it would grant until then.
  let latest: Grant | undefined
  let standing: Grant | undefined
  let until = { mono: 0, wall: 0 }

  const ended = (name: EndName, op: number) => {
    log?.input(`${name}#${op}`)
    machine.input(name, op)
  }
  const happened = (name: NewsName) => {
    log?.input(name)
    machine.input(name, 0)
  }
  const arm = timerFor(() => happened('tick'))

  /** The effects that carry nothing but their op. */
  const simple = {
    load(op: number) {
      const failed = () => ended('storage-failed', op)
      store.load((text) => loaded(op, text, failed), failed)
    },
    'take-lock': (op: number) => locks.take(op, (granted) => ended(granted ? 'lock-granted' : 'lock-unavailable', op)),
    'release-lock': locks.release,
    'make-key'(op: number) {
      log?.input(`key-made#${op}`)
      machine.keyMade(op, randomKey())
    },
    cancel: (op: number) => sending.get(op)?.abort(),
    shutdown: () => outside.close(),
  }

  const effects: Effects = {
    effect(name, op) {
      log?.effect(op ? `${name}#${op}` : name)
      simple[name](op)
    },
    store(op, ...record) {
      log?.effect(`store#${op}@${record[0]}.${record[1]}`)
      store.store(
        writeRecord(...record),
        () => ended('saved', op),
        () => ended('storage-failed', op),
      )
    },
    send(op, kind, path, headers, body) {
      log?.effect(`send#${op}:${kind}`)
      void send(op, options.baseUrl + path, kind === 'erase' ? { method: 'DELETE', headers } : { headers, body })
    },
    publish(epoch, generation, parting) {
      log?.effect(`publish${newsWords(epoch, generation)}`)
      outside.publish(epoch, generation, parting)
    },
    grant(waiter, ...grant) {
      log?.effect(`settle~${waiter}:token`)
      latest = grant[3] ? undefined : grant
      waiters.get(waiter)?.('', '', grant)
    },
    settle(waiter, outcome, message) {
      log?.effect(`settle~${waiter}:${outcome}`)
      waiters.get(waiter)?.(outcome, message)
    },
    refuse(waiter, status, reason) {
      log?.effect(`settle~${waiter}:refused`)
      const message = `the server refused: ${reason} (HTTP ${status}); the session is as it was`
      waiters.get(waiter)?.('refused', message, undefined, { status, reason })
    },
    step(changed) {
      if (changed) snapshot = snapshotOf(changed)
      log?.end(snapshot.status)
    },
    tell: (event, at) => host.notify(snapshot, event && eventOf(event, at)),
    arm(at, mono, wall) {
      standing = latest
      latest = undefined
      until = { mono, wall }
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

  function loaded(op: number, text: unknown, failed: () => void): void {
    const found = readRecord(text)
    if (!found) {
      failed()
      return
    }
    const [corrupt, epoch, generation] = found
    log?.input(`loaded#${op}${epoch === undefined ? (corrupt ? ':corrupt' : ':empty') : `@${epoch}.${generation}`}`)
    machine.loaded(op, ...found)
  }

  async function send(op: number, url: string, init: RequestInit): Promise<void> {
    const controller = new AbortController()
    sending.set(op, controller)
    // Plain `fetch`, never through the authenticated path (C1).
    const answer = await fetch(url, {
      method: 'POST',
      ...init,
      cache: 'no-store',
      credentials: 'omit',
      // A token endpoint does not move; a captive portal redirects.
      redirect: 'error',
      signal: controller.signal,
    })
      .then(readAnswer)
      .catch(() => undefined)
    sending.delete(op)
    if (!answer) return ended('send-failed', op)
    log?.input(`answered#${op}:${answer[0]}`)
    machine.answered(op, ...answer)
  }

  /**
   * Waits for the outcome of what `ask` asks for, or for the caller's abort: a token, what the server has answered to an
   * upgrade, or nothing: deliver the answer as it is.
   */
  async function wait(ask: (waiter: number) => void, signal?: AbortSignal | null): Promise<Grant | string> {
    if (signal?.aborted) throw reason(signal)
    const waiter = nextWaiter++
    const abandon = () => call('abandon', waiter)
    try {
      return await new Promise<Grant | string>((resolve, reject) => {
        waiters.set(waiter, (outcome, message, grant, refusal) => {
          waiters.delete(waiter)
          if (/^$|done|deliver|member/.test(outcome)) resolve(grant ?? message)
          else if (outcome === 'aborted' && signal) reject(reason(signal))
          else reject(host.error(outcome as ErrorCode, message, refusal))
        })
        ask(waiter)
        if (waiters.has(waiter)) signal?.addEventListener('abort', abandon)
      })
    } finally {
      signal?.removeEventListener('abort', abandon)
    }
  }

  function call(name: CallName, waiter: number): void {
    log?.input(`${name}~${waiter}`)
    machine.input(name, waiter)
  }

  /** Without asking the machine, where it has said what it would answer. The log tells each question. */
  function granted(signal?: AbortSignal | null): Grant | undefined {
    if (!log && !signal?.aborted && now() < until.mono && Date.now() < until.wall) return standing
  }

  function errand(kind: ErrandName, body: string): Promise<Grant | string> {
    return wait((waiter) => {
      log?.input(`${kind}~${waiter}`)
      machine.errand(waiter, now() + options.timeout, kind, body)
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
      let grant = granted() ?? (await wait(wanted(!replayable), signal))
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
      await errand('erase', '')
    },
    expire: () => happened('expire'),
    close: () => happened('close'),
  }
}

function newsWords(epoch: number, generation: number | undefined): string {
  return generation === undefined ? `@${epoch}.0:signed-out` : `@${epoch}.${generation}:committed`
}

/** What `fetch` rejects with. Older engines abort without a reason. */
function reason(signal: AbortSignal): unknown {
  return signal.reason ?? new DOMException('the call was aborted', 'AbortError')
}

/** An idempotency key: 144 random bits, base64url, 24 characters without padding. */
function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(18))
  return btoa(String.fromCharCode(...bytes))
    .replace(/\+/g, '-')
    .replace(/\//g, '_')
}
