// What a session hears from outside: the other tabs and its page.

import { isCount, readRecord } from './record.js'

/**
 * What tabs tell each other: a committed version, or, without a generation, the epoch that a sign-out begins, and how the
 * one before has ended.
 */
export type News = [epoch: number, generation: number | undefined, parting: number | undefined]

/** The channel and the listeners of one session. */
export interface Outside {
  publish(...news: News): void
  close(): void
}

/**
 * `key` names the channel, and the record in localStorage.
 *
 * A hidden page closes its channel: Chromium and Firefox throw a page that gets a message out of their back/forward
 * cache. What it misses, it reads when it is shown again.
 */
export function listen(
  key: string,
  shared: boolean,
  heard: (...news: News) => void,
  happened: (name: 'online' | 'offline' | 'visible') => void,
): Outside {
  const undo: (() => void)[] = []
  const on = (target: EventTarget, type: string, listener: (event: Event) => void) => {
    target.addEventListener(type, listener)
    undo.push(() => target.removeEventListener(type, listener))
  }
  let channel: BroadcastChannel | undefined
  const open = () => {
    hush()
    channel = shared ? openChannel(key, heard) : undefined
  }
  const hush = () => {
    if (channel) channel.onmessage = null
    channel?.close()
    channel = undefined
  }

  open()
  if (typeof window === 'object') {
    on(window, 'online', () => happened('online'))
    on(window, 'offline', () => happened('offline'))
    on(window, 'pagehide', hush)
    on(window, 'pageshow', () => {
      open()
      happened('visible')
    })
    on(document, 'visibilitychange', () => {
      if (document.visibilityState === 'visible') happened('visible')
    })
    if (shared && !channel) {
      // The browser tells each tab what another one has stored; without a key, everything was cleared.
      on(window, 'storage', (event) => {
        const { key: changed, newValue } = event as StorageEvent
        if (changed === null || changed === key) heard(...versionOf(newValue))
      })
    }
  }
  return {
    publish(epoch, generation, parting) {
      const news = generation === undefined ? 'signed_out' : 'committed'
      channel?.postMessage({ news, epoch, generation: generation ?? 0, parting })
    },
    close() {
      hush()
      for (const remove of undo) remove()
    },
  }
}

/** The channel, where there is one. */
function openChannel(name: string, heard: (...news: News) => void): BroadcastChannel | undefined {
  try {
    const channel = new BroadcastChannel(name)
    channel.onmessage = ({ data }) => {
      const { news, epoch, generation, parting } = data ?? {}
      if (!isCount(epoch)) return
      if (news === 'signed_out') heard(epoch, undefined, isCount(parting) ? parting : undefined)
      if (news === 'committed' && isCount(generation)) heard(epoch, generation, undefined)
    }
    // Node's channels keep the process alive unless told not to.
    ;(channel as { unref?(): void }).unref?.()
    return channel
  } catch {
    return
  }
}

/** That of an empty storage where the text holds no record. */
function versionOf(text: string | null): News {
  const [, epoch = 0, generation = 0] = readRecord(text) ?? []
  return [epoch, generation, undefined]
}
