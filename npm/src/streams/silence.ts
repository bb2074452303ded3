import { GuestpassError } from '../errors.js'

/** How long a server may have been silent when the page is shown again, without an `idleTimeout`, in milliseconds. */
const SILENT_WHILE_HIDDEN = 30_000

/** When a connection counts as dead. */
export interface SilenceOptions {
  /** After this time without anything from the server, in milliseconds. Undefined: never. */
  readonly idleTimeout: number | undefined
  /** The same when the page is shown: a hidden page may have been frozen, and its timers with it. */
  readonly whenShown?: number
}

/** Watches for the silence of a server. */
export interface SilenceWatch {
  /** Starts to wait for the server, or waits again after something has arrived. */
  wait(): void
  /** Stops waiting, while the app handles what has arrived. */
  pause(): void
  /** Gives the timer and all listeners back. */
  stop(): void
}

/**
 * Calls `onDead`, at most once: when the server has been silent for too long, and, with `woken`, when the network is back after
 * an interruption, or the page is shown after a silence.
 *
 * A connection through a network that was lost looks open: packets are dropped, and no end of the connection arrives.
 */
export function watchSilence(
  { idleTimeout, whenShown = idleTimeout ?? SILENT_WHILE_HIDDEN }: SilenceOptions,
  onDead: (error: GuestpassError, woken: boolean) => void,
): SilenceWatch {
  let since: number | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  const stopEvents = onWake((isOnline) => {
    if (isOnline) dead(new GuestpassError('network', 'the network was interrupted'), true)
    else if (since !== undefined && Date.now() - since >= whenShown) dead(silent(Date.now() - since), true)
  })

  function dead(error: GuestpassError, woken: boolean): void {
    stop()
    onDead(error, woken)
  }

  function wait(): void {
    pause()
    since = Date.now()
    if (idleTimeout !== undefined) timer = setTimeout(() => dead(silent(idleTimeout), false), idleTimeout)
  }

  function pause(): void {
    since = undefined
    clearTimeout(timer)
  }

  function stop(): void {
    pause()
    stopEvents()
  }

  wait()
  return { wait, pause, stop }
}

/** Calls `listener` when the network is back and when the page is shown. Returns a function that stops listening. */
export function onWake(listener: (isOnline: boolean) => void): () => void {
  const { document } = globalThis
  const online = () => listener(true)
  const shown = () => document?.visibilityState !== 'hidden' && listener(false)
  const events = [
    [globalThis, 'online', online],
    [globalThis, 'pageshow', shown],
    [document, 'visibilitychange', shown],
  ] as const
  // Workers have no document, and Node has no events.
  for (const [target, type, listen] of events) target?.addEventListener?.(type, listen)
  return () => {
    for (const [target, type, listen] of events) target?.removeEventListener?.(type, listen)
  }
}

/** Checks an option of the app. */
export function checkIdleTimeout(idleTimeout: number | undefined): void {
  if (idleTimeout === undefined || (typeof idleTimeout === 'number' && idleTimeout > 0 && idleTimeout < 2 ** 31)) return
  throw new GuestpassError('invalid_option', 'idleTimeout must be a number of milliseconds above 0, below 2147483648')
}

function silent(milliseconds: number): GuestpassError {
  return new GuestpassError('timeout', `the server was silent for ${milliseconds} ms`)
}
