// What the server has answered to a request of the session's own.

import { decode } from '../base64url.js'

/** A token answer, the answer to an upgrade, or an error. */
export interface Answer {
  readonly status: number
  /** In milliseconds from now. */
  readonly retryAfter: number | undefined
  readonly isToken?: boolean
  /** The access token; what an upgrade was answered with, where there is an `id`; or the code of the error. */
  readonly text?: string | undefined
  readonly id?: string | undefined
  readonly refreshToken?: string | undefined
  readonly expiresIn?: number | undefined
}

/** Undefined for a redirect, which browsers hide behind a status of 0. */
export async function readAnswer(response: Response): Promise<Answer | undefined> {
  const text = await response.text()
  const { status, ok } = response
  if (!ok && status < 400) return
  const answer = { status, retryAfter: retryAfter(response) }
  const { error, code, id: subject, access_token, refresh_token, anonymous_id, expires_in } = objectIn(() => text)
  if (!ok) return { ...answer, text: string(error) ?? string(code) }
  if (typeof access_token !== 'string') {
    const id = string(subject)
    return id ? { ...answer, text, id } : answer
  }
  const { sub, iat, exp } = claims(access_token)
  // The difference does not depend on how this machine's clock is set.
  const expiresIn = seconds(expires_in) ?? seconds((exp as number) - (iat as number))
  const id = string(anonymous_id) ?? string(sub)
  return { ...answer, isToken: true, text: access_token, id, refreshToken: string(refresh_token), expiresIn }
}

/** RFC 9110 §10.2.3: seconds, or a date. In milliseconds from now. */
function retryAfter({ headers }: Response): number | undefined {
  const value = headers.get('Retry-After')
  if (value === null) return
  if (/^\s*\d+\s*$/.test(value)) return Number(value) * 1000
  const date = Date.parse(value)
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now())
}

/**
 * What a JWT says of itself, for servers whose answer tells neither who the guest is nor how long the token lasts.
 * Nothing is trusted on the strength of it.
 */
function claims(token: string): Record<string, unknown> {
  return objectIn(() => {
    return new TextDecoder('utf-8', { fatal: true }).decode(decode(token.split('.')[1] ?? ''))
  })
}

/** The object that a text is; an empty one where it is none. */
function objectIn(read: () => string): Record<string, unknown> {
  try {
    return Object(JSON.parse(read()))
  } catch {
    return {}
  }
}

function string(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function seconds(value: unknown): number | undefined {
  return typeof value === 'number' && value >= 0 ? value : undefined
}
