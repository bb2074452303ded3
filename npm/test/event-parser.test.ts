// The parser of event streams, also in comparison with the package eventsource.

import { EventSource } from 'eventsource'
import { afterAll, describe, expect, test } from 'vitest'
import { eventStream, type ServerSentEvent } from '../src/streams/index.js'
import { EventParser } from '../src/streams/parser.js'
import { createTestServer } from '../src/testing/index.js'
import type { Session } from '../src/types.js'

const issuer = createTestServer()
const session = issuer.createSession()

afterAll(() => issuer.uninstall())

describe('EventParser', () => {
  const read = (text: string, lastEventId = '') => {
    const parser = new EventParser(lastEventId)
    return { events: parser.push(text), parser }
  }

  test.each([
    ['fields, comments and unknown names', ': hi\nevent: a\ndata: x\nnope: 1\ndata\n\n', [['a', 'x\n', '']]],
    [
      'all line endings',
      'data:1\r\rdata:2\n\ndata:3\r\n\r\n',
      [
        ['message', '1', ''],
        ['message', '2', ''],
        ['message', '3', ''],
      ],
    ],
    ['one space after the colon only', 'data:  x\n\n', [['message', ' x', '']]],
    [
      'an id applies to later events, until an empty id',
      'id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n',
      [
        ['message', 'a', '1'],
        ['message', 'b', '1'],
        ['message', 'c', ''],
      ],
    ],
    ['no NUL in an id', 'id: 1\0\ndata: a\n\n', [['message', 'a', '']]],
    ['no event without data, but its id applies', 'id: 5\nevent: x\n\ndata: a\n\n', [['message', 'a', '5']]],
    ['no incomplete event', 'data: a\n', []],
  ])('%s', (_what, text, expected) => {
    expect(read(text).events.map(({ event, data, id }) => [event, data, id])).toEqual(expected)
  })

  test('an id applies when its event is complete, and retry must be digits', () => {
    expect(read('id: 2\ndata: a\n', '1').parser.lastEventId).toBe('1')
    expect(read('retry: 10\n').parser.retry).toBe(10)
    expect(read('retry: 1e3\n').parser.retry).toBeUndefined()
  })

  test('parses random streams in random pieces like the package eventsource', async () => {
    const parts = [
      'data',
      'event',
      'id',
      ':',
      ' ',
      '\n',
      '\n\n',
      '\r',
      '\r\n',
      'x',
      'ü€',
      '🍵',
      '\uFEFF',
      'data: y\n\n',
    ]
    let state = 1
    const random = (below: number) => {
      state = (state * 48271) % 0x7fffffff
      return state % below
    }
    for (let run = 0; run < 300; run++) {
      const text = Array.from({ length: 40 }, () => parts[random(parts.length)]).join('')
      const bytes = new TextEncoder().encode(`${text}\n\nevent: end\ndata: end\n\n`)
      const body = () => {
        let at = 0
        return new ReadableStream({
          pull(stream) {
            if (at >= bytes.length) return stream.close()
            const size = 1 + random(9)
            stream.enqueue(bytes.slice(at, at + size))
            at += size
          },
        })
      }
      const respond = () => new Response(body(), { headers: { 'content-type': 'text/event-stream' } })

      const events: ServerSentEvent[] = []
      const stub = { fetch: async () => respond(), getSnapshot: () => session.getSnapshot(), subscribe: () => () => {} }
      for await (const event of eventStream(stub as unknown as Session, 'https://shop.example/')) {
        if (event.event === 'end') break
        events.push(event)
      }

      const others = await eventsByEventSource(respond)
      // That package reports an id with its own event only. By the standard, an id applies to later events too.
      const comparable = events.map((event, index) => (others[index]?.id ? event : { ...event, id: '' }))
      expect(comparable, JSON.stringify(text)).toEqual(others)
    }
  })
})

async function eventsByEventSource(respond: () => Response): Promise<ServerSentEvent[]> {
  const source = new EventSource('https://shop.example/', { fetch: async () => respond() as never })
  const events: ServerSentEvent[] = []
  await new Promise<void>((resolve) => {
    const dispatch = source.dispatchEvent.bind(source)
    source.dispatchEvent = (event) => {
      const { type, data, lastEventId } = event as MessageEvent
      if (data !== undefined && type !== 'end' && type !== 'error') events.push({ event: type, data, id: lastEventId })
      if (type === 'end') resolve()
      return dispatch(event)
    }
  })
  source.close()
  return events
}
