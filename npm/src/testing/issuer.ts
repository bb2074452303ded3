import { type MemberResult, Members, subjectOf, type Visitor } from './members.js'

/** A session, as the server stores it. */
interface StoredSession {
  /** The subject of the guest that the session began with. */
  readonly guest: string
  /** The visitor that the session belongs to. */
  visitor: Visitor
  readonly sid: string
  readonly createdAt: number
  /** How many times the refresh token was rotated. */
  counter: number
  rotatedAt: number
  revoked: boolean
}

interface AccessToken {
  readonly session: StoredSession
  readonly expiresAt: number
  refused: boolean
}

export interface IssuerOptions {
  readonly origin: string
  readonly accessTtl: number
  readonly refreshGrace: number
}

type Body = Record<string, unknown>

/** How long an idempotency key returns the guest that it created, in milliseconds. The same as in the real server. */
const KEY_LIFETIME = 10 * 60_000
/** How long the token of a client without refresh tokens is valid, in milliseconds. */
const GUEST_TOKEN_TTL = 30 * 24 * 60 * 60_000

/**
 * Issues, rotates and revokes tokens in memory, with the rules of the real server. Ids and tokens are numbered, so that they
 * are the same in every run.
 */
export class Issuer {
  readonly #options: IssuerOptions
  readonly #sessions: StoredSession[] = []
  readonly #keys = new Map<string, StoredSession>()
  readonly #accessTokens = new Map<string, AccessToken>()
  readonly #members = new Members()

  constructor(options: IssuerOptions) {
    this.#options = options
  }

  get guests(): string[] {
    return this.#sessions.map(({ guest }) => guest)
  }

  /** `POST /anonymous-login`. */
  login(refresh: boolean, key: string | null): Body {
    const now = Date.now()
    const known = key === null ? undefined : this.#keys.get(key)
    const again = known && known.counter === 0 && !known.revoked && now - known.createdAt < KEY_LIFETIME
    const session = again ? known : this.#newGuest(now)
    if (key !== null) this.#keys.set(key, session)
    return this.#tokenResponse(session, refresh)
  }

  /** `POST /token`: the next tokens, or undefined for the error `invalid_grant`. */
  refresh(token: string | null): Body | undefined {
    const [, sid, counter] = /^gpr_(\w+)_(\d+)$/.exec(token ?? '') ?? []
    const session = this.#sessions.find((session) => session.sid === sid)
    if (!session || session.revoked) return
    const now = Date.now()
    if (Number(counter) === session.counter) {
      session.counter += 1
      session.rotatedAt = now
    } else if (Number(counter) !== session.counter - 1 || now - session.rotatedAt > this.#options.refreshGrace) {
      // A refresh token that is reused after the grace period counts as stolen.
      session.revoked = true
      return
    }
    return this.#tokenResponse(session, true)
  }

  /** `POST /revoke`: ends the session of an access token or a refresh token. */
  revokeToken(token: string | null): void {
    const sid = /^gpr_(\w+)_\d+$/.exec(token ?? '')?.[1]
    const session = sid
      ? this.#sessions.find((session) => session.sid === sid)
      : this.#accessTokens.get(token ?? '')?.session
    if (session) session.revoked = true
  }

  /** Ends all sessions of a guest or a member, or all sessions. */
  revoke(id?: string): void {
    for (const session of this.#sessions) {
      if (id === undefined || session.guest === id || subjectOf(session.visitor) === id) session.revoked = true
    }
  }

  /** Adds a member without a session, as which a test can log in. Returns the subject. */
  addMember(email: string, password: string): string {
    const result = this.#members.register(this.#members.newVisitor(), { email, password })
    if (!('visitor' in result)) throw new Error(`addMember: the server refused the member: ${result.code}`)
    return subjectOf(result.visitor)
  }

  /** `POST /register`, `/login`, `/link`: the response body, or the status and code of a problem. */
  upgrade(kind: 'register' | 'login' | 'link', accessToken: string, body: Body): Body & { readonly status?: number } {
    const session = this.#sessionOf(accessToken)
    const caller = session.visitor
    const result: MemberResult = this.#members[kind](caller, body)
    if (!('visitor' in result)) return result
    const { visitor } = result
    // All sessions of the guest become sessions of the member.
    for (const other of this.#sessions) if (other.visitor === caller) other.visitor = visitor
    const merged = !session.guest.endsWith(visitor.uuid)
    const outcome = merged || kind === 'login' ? 'logged_in' : 'registered'
    return { id: subjectOf(visitor), kind: 'user', email: visitor.email, outcome, merged }
  }

  /** `DELETE /me`. */
  erase(accessToken: string): void {
    const { visitor } = this.#sessionOf(accessToken)
    for (const session of this.#sessions) if (session.visitor === visitor) session.revoked = true
    this.#members.erase(visitor)
  }

  /** `GET /me`. */
  me(accessToken: string): Body {
    const { visitor } = this.#sessionOf(accessToken)
    return { id: subjectOf(visitor), kind: visitor.member ? 'user' : 'guest', email: visitor.email }
  }

  /** Refuses all access tokens issued so far. Refresh tokens stay valid. */
  refuseAccess(): void {
    for (const issued of this.#accessTokens.values()) issued.refused = true
  }

  /** The current subject of an access token, or null when it is not accepted. After a merge, that is the member. */
  subjectOfToken(accessToken: string | undefined): string | null {
    const issued = this.#accessTokens.get(accessToken ?? '')
    const accepted = issued && !issued.refused && !issued.session.revoked && Date.now() < issued.expiresAt
    return accepted ? subjectOf(issued.session.visitor) : null
  }

  #sessionOf(accessToken: string): StoredSession {
    const issued = this.#accessTokens.get(accessToken)
    if (!issued) throw new Error('the test server did not issue this access token')
    return issued.session
  }

  #newGuest(now: number): StoredSession {
    const visitor = this.#members.newVisitor()
    const [guest, sid] = [subjectOf(visitor), `s${this.#sessions.length + 1}`]
    const session: StoredSession = { guest, visitor, sid, createdAt: now, counter: 0, rotatedAt: now, revoked: false }
    this.#sessions.push(session)
    return session
  }

  #tokenResponse(session: StoredSession, refresh: boolean): Body {
    const ttl = refresh ? this.#options.accessTtl : GUEST_TOKEN_TTL
    const accessToken = this.#issueAccessToken(session, ttl)
    return {
      access_token: accessToken,
      token_type: 'bearer',
      expires_in: Math.floor(ttl / 1000),
      anonymous_id: subjectOf(session.visitor),
      ...(refresh && { refresh_token: `gpr_${session.sid}_${session.counter}` }),
    }
  }

  /** A token in the form of a JWT, so that apps can decode it. It is not signed. */
  #issueAccessToken(session: StoredSession, ttl: number): string {
    const now = Date.now()
    const claims = {
      iss: this.#options.origin,
      sub: subjectOf(session.visitor),
      aud: 'guestpass',
      client_id: 'guestpass',
      iat: Math.floor(now / 1000),
      exp: Math.floor((now + ttl) / 1000),
      jti: `t${this.#accessTokens.size + 1}`,
      sid: session.sid,
    }
    const token = `${encode({ alg: 'none', typ: 'at+jwt' })}.${encode(claims)}.test`
    this.#accessTokens.set(token, { session, expiresAt: now + ttl, refused: false })
    return token
  }
}

function encode(part: object): string {
  return btoa(JSON.stringify(part)).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '')
}
