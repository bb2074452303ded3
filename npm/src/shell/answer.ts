// What the server has answered to a request of the session's own.

/** What `answered` takes behind the op. */
export type Answer = [
  status: number,
  retryAfter: number | undefined,
  error?: string | undefined,
  accessToken?: string | undefined,
  refreshToken?: string | undefined,
  id?: string | undefined,
  expiresIn?: number | undefined,
  member?: string | undefined,
]

export async function readAnswer(response: Response): Promise<Answer> {
  const text = await response.text()
  const { status, ok } = response
  const asked = retryAfter(response)
  const { error, code, id: subject, access_token, refresh_token, anonymous_id, expires_in } = objectIn(() => text)
  if (!ok) return [status, asked, string(error) ?? string(code)]
  if (typeof access_token !== 'string') {
    return [status, asked, undefined, undefined, undefined, string(subject), undefined, text]
  }
  const { sub, iat, exp } = claims(access_token)
  // The difference does not depend on how this machine's clock is set.
  const lifetime = seconds(expires_in) ?? seconds((exp as number) - (iat as number))
  const id = string(anonymous_id) ?? string(sub)
  return [status, asked, undefined, access_token, string(refresh_token), id, lifetime]
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
    const payload = atob((token.split('.')[1] ?? '').replace(/-/g, '+').replace(/_/g, '/'))
    const bytes = Uint8Array.from(payload, (byte) => byte.charCodeAt(0))
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
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
