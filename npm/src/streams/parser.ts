/** An event that a server has sent (WHATWG HTML, §9.2). */
export interface ServerSentEvent {
  /** Its type: what the server called it, or `message`. */
  readonly event: string
  /** What it says; several lines are parted by `\n`. */
  readonly data: string
  /** The last id that the server has given, with this event or with one before it. Empty when there was none. */
  readonly id: string
}

/** Reads a `text/event-stream`, in whatever pieces it arrives (WHATWG HTML, §9.2.6). */
export class EventParser {
  /** What the next connection is to send as `Last-Event-ID`. */
  lastEventId: string
  /** How long the server wants to be left alone before the next connection, in milliseconds, if it has said so. */
  retry: number | undefined
  // A line that is not whole yet, and whether the one before it ended in a CR, to which a LF may still belong.
  #line = ''
  #afterCarriageReturn = false
  // An event that is not whole yet. Its id counts only once it is.
  #data = ''
  #event = ''
  #id: string

  constructor(lastEventId: string) {
    this.lastEventId = lastEventId
    this.#id = lastEventId
  }

  /** Takes the next piece of the decoded text, without a byte order mark; gives the events that it completes. */
  push(text: string): ServerSentEvent[] {
    if (text === '') return []
    const [first = '', ...others] = (this.#afterCarriageReturn && text.startsWith('\n') ? text.slice(1) : text).split(
      /\r\n|\r|\n/,
    )
    this.#afterCarriageReturn = text.endsWith('\r')
    const lines = [this.#line + first, ...others]
    this.#line = lines.pop() ?? ''
    return lines.flatMap((line) => this.#read(line) ?? [])
  }

  #read(line: string): ServerSentEvent | undefined {
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
