/** An event that a server has sent (WHATWG HTML, section 9.2). */
export interface ServerSentEvent {
  /** The type of the event: the server's `event` field, or `message`. */
  readonly event: string
  /** The data of the event. Lines are separated by `\n`. */
  readonly data: string
  /** The last id that the server has sent, with this event or with an earlier one. Empty when it has sent none. */
  readonly id: string
}

/** Parses a `text/event-stream` that arrives in pieces of any size (WHATWG HTML, section 9.2.6). */
export class EventParser {
  /** The value of `Last-Event-ID` for the next connection. */
  lastEventId: string
  /** The delay before the next connection that the server has asked for, in milliseconds. */
  retry: number | undefined
  // The incomplete last line, and whether the previous piece ended in a CR. A LF that follows belongs to that CR.
  #line = ''
  #afterCarriageReturn = false
  // The incomplete event. Its id takes effect when the event is complete.
  #data = ''
  #event = ''
  #id: string

  constructor(lastEventId: string) {
    this.lastEventId = lastEventId
    this.#id = lastEventId
  }

  /** Parses the next piece of the decoded text, without a byte order mark. Returns the events that it completes. */
  push(text: string): ServerSentEvent[] {
    if (text === '') return []
    const [first = '', ...others] = (this.#afterCarriageReturn && text.startsWith('\n') ? text.slice(1) : text).split(
      /\r\n|\r|\n/,
    )
    this.#afterCarriageReturn = text.endsWith('\r')
    const lines = [this.#line + first, ...others]
    this.#line = lines.pop() ?? ''
    return lines.flatMap((line) => this.#parseLine(line) ?? [])
  }

  #parseLine(line: string): ServerSentEvent | undefined {
    if (line === '') return this.#complete()
    const [, field, value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? []
    if (field === 'data') this.#data += `${value}\n`
    else if (field === 'event') this.#event = value
    else if (field === 'id' && !value.includes('\0')) this.#id = value
    else if (field === 'retry' && /^\d+$/.test(value)) this.retry = Number(value)
    return
  }

  #complete(): ServerSentEvent | undefined {
    const [data, event, id] = [this.#data, this.#event || 'message', this.#id]
    this.#data = this.#event = ''
    this.lastEventId = id
    return data === '' ? undefined : { event, data: data.slice(0, -1), id }
  }
}
