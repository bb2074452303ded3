import type { Entries } from './entries.js'
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
  /** Whether an access token of this counter was accepted: then the client has the refresh token, too. */
  confirmed: boolean
  revoked: boolean
}

/** An upgrade that is done. The same request with the same idempotency key gets the same response. */
interface StoredUpgrade {
  readonly proof: string
  readonly session: StoredSession
  readonly body: Body
}

interface AccessToken {
  readonly session: StoredSession
  readonly counter: number
  readonly expiresAt: number
  refused: boolean
}

export interface IssuerOptions {
  readonly origin: string
  readonly accessTtl: number
  readonly refreshGrace: number
  readonly entries: Entries
}

type Body = Record<string, unknown>

/** How long an idempotency key returns the guest that it created, in milliseconds. The same as in the real server. */
const KEY_LIFETIME = 10 * 60_000
/** How long the token of a client without refresh tokens is valid, in milliseconds. */
const GUEST_TOKEN_TTL = 30 * 24 * 60 * 60_000
/** How long a session lasts without a refresh, in milliseconds. */
const SESSION_LIFETIME = 90 * 24 * 60 * 60_000

/**
 * Issues, rotates and revokes tokens in memory, with the rules of the real server. Ids and tokens are numbered, so that they
 * are the same in every run.
 */
export class Issuer {
  readonly #options: IssuerOptions
  readonly #guests: string[] = []
  readonly #sessions: StoredSession[] = []
  readonly #keys = new Map<string, StoredSession>()
  readonly #upgrades = new Map<string, StoredUpgrade>()
  readonly #accessTokens = new Map<string, AccessToken>()
  readonly #members = new Members()

  constructor(options: IssuerOptions) {
    this.#options = options
  }

  get guests(): string[] {
    return [...this.#guests]
  }

  /** `POST /anonymous-login`. */
  login(refresh: boolean, key: string | null): Body {
    const now = Date.now()
    const known = key === null ? undefined : this.#keys.get(key)
    const again = known && known.counter === 0 && !known.revoked && now - known.createdAt < KEY_LIFETIME
    const session = again ? known : this.#newGuest()
    if (key !== null) this.#keys.set(key, session)
    return this.#tokenResponse(session, refresh)
  }

  /** `POST /token`: the next tokens, or undefined for the error `invalid_grant`. */
  refresh(token: string | null): Body | undefined {
    const session = this.#acceptRefreshToken(token)
    if (!session) return
    if (isCurrent(session, token)) {
      session.counter += 1
      session.rotatedAt = Date.now()
      session.confirmed = false
    }
    return this.#tokenResponse(session, true)
  }

  /** `POST /revoke`: ends the session of an access token or a refresh token. */
  revokeToken(token: string | null): void {
    const session = this.#sessionOf(token) ?? this.#accessTokens.get(token ?? '')?.session
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

  /**
   * `POST /register`, `/login`, `/link`: the response body, or the status and code of a problem. Undefined when the refresh
   * token is not accepted.
   */
  upgrade(
    kind: 'register' | 'login' | 'link',
    refreshToken: string | undefined,
    key: string | null,
    body: Body,
  ): (Body & { readonly status?: number }) | undefined {
    const from = this.#sessionOf(refreshToken)
    // The same session, endpoint and body.
    const proof = JSON.stringify([from?.sid, kind, body])
    const known = from && key !== null ? this.#upgrades.get(key) : undefined
    if (known) {
      if (known.proof !== proof) return { status: 409, code: 'idempotency_key_reused' }
      const { session } = known
      const again = session.counter === 0 && !session.revoked && Date.now() - session.createdAt < KEY_LIFETIME
      return again ? known.body : { status: 409, code: 'idempotency_key_expired' }
    }
    const asking = this.#acceptRefreshToken(refreshToken)
    if (!asking) return
    const caller = asking.visitor
    const wasMember = caller.member
    const result: MemberResult = this.#members[kind](caller, body)
    if (!('visitor' in result)) return result
    const { visitor } = result
    if (visitor !== caller) this.#options.entries.merge(caller.uuid, visitor.uuid)
    // What was planted or copied before is worth nothing afterwards. A member who logs in again keeps the other sessions.
    for (const other of this.#sessions) {
      if (other === asking || (other.visitor === caller && !wasMember)) Object.assign(other, { visitor, revoked: true })
    }
    const session = this.#newSession(asking.guest, visitor)
    const merged = !session.guest.endsWith(visitor.uuid)
    const outcome = merged || kind === 'login' ? 'logged_in' : 'registered'
    const { anonymous_id, ...tokens } = this.#tokenResponse(session, true)
    const response = { id: anonymous_id, kind: 'user', email: visitor.email, outcome, merged, ...tokens }
    if (key !== null) this.#upgrades.set(key, { proof, session, body: response })
    return response
  }

  /** `DELETE /me`. */
  erase(refreshToken: string | undefined): void {
    const visitor = this.#sessionOf(refreshToken)?.visitor
    if (!visitor) return
    for (const session of this.#sessions) if (session.visitor === visitor) session.revoked = true
    this.#members.erase(visitor)
    this.#options.entries.erase(visitor.uuid)
  }

  /** `GET /me/export`. */
  export(refreshToken: string | undefined): Body {
    const sessions = this.sessions(refreshToken)
    const visitor = this.#sessionOf(refreshToken)?.visitor
    const collections = this.#options.entries.export(visitor?.uuid ?? '')
    const id = visitor && subjectOf(visitor)
    return { exported_at: timestamp(Date.now()), id, email: visitor?.email, collections, sessions }
  }

  /** `GET /me/sessions`: the live sessions of the visitor, the newest first. */
  sessions(refreshToken: string | undefined): Body[] {
    const current = this.#sessionOf(refreshToken)
    const own = this.#sessions.filter(({ visitor, revoked }) => visitor === current?.visitor && !revoked)
    return own.reverse().map((session) => ({
      id: session.sid,
      created_at: timestamp(session.createdAt),
      last_refreshed_at: null,
      expires_at: timestamp(session.createdAt + SESSION_LIFETIME),
      label: 'Test browser',
      current: session === current,
    }))
  }

  /** `DELETE /me/sessions/{id}`. Returns whether there is such a session. */
  endSession(refreshToken: string | undefined, id: string): boolean {
    const visitor = this.#sessionOf(refreshToken)?.visitor
    const session = this.#sessions.find((one) => one.sid === id && one.visitor === visitor && !one.revoked)
    if (session) session.revoked = true
    return session !== undefined
  }

  /** `DELETE /me/sessions`: ends the other sessions of the visitor. */
  endOtherSessions(refreshToken: string | undefined): void {
    const current = this.#sessionOf(refreshToken)
    for (const session of this.#sessions) {
      if (session.visitor === current?.visitor && session !== current) session.revoked = true
    }
  }

  /** `GET /me`. */
  me(accessToken: string | undefined): Body {
    const visitor = this.#accessTokens.get(accessToken ?? '')?.session.visitor
    if (!visitor) throw new Error('the test server did not issue this access token')
    return { id: subjectOf(visitor), kind: visitor.member ? 'user' : 'guest', email: visitor.email }
  }

  /** Refuses all access tokens issued so far. Refresh tokens stay valid. */
  refuseAccess(): void {
    for (const issued of this.#accessTokens.values()) issued.refused = true
  }

  /** The current subject of an access token, or null when it is not accepted. */
  subjectOfToken(accessToken: string | undefined): string | null {
    const issued = this.#accessTokens.get(accessToken ?? '')
    if (!issued || issued.refused || issued.session.revoked || Date.now() >= issued.expiresAt) return null
    if (issued.counter === issued.session.counter) issued.session.confirmed = true
    return subjectOf(issued.session.visitor)
  }

  /** The current subject of a refresh token, or null when it is not accepted. */
  subjectOfRefreshToken(refreshToken: string | undefined): string | null {
    const session = this.#acceptRefreshToken(refreshToken)
    return session ? subjectOf(session.visitor) : null
  }

  /** The session of an authentic refresh token, which may have ended. */
  #sessionOf(refreshToken: string | null | undefined): StoredSession | undefined {
    const sid = /^gpr_(\w+)_\d+$/.exec(refreshToken ?? '')?.[1]
    return this.#sessions.find((session) => session.sid === sid)
  }

  /**
   * The live session of a refresh token: the current one, or its parent, within the grace period or while the client has not
   * shown that it has the current one. An older one counts as stolen, and ends the session.
   */
  #acceptRefreshToken(token: string | null | undefined): StoredSession | undefined {
    const session = this.#sessionOf(token)
    if (!session || session.revoked) return
    const grace = Date.now() - session.rotatedAt <= this.#options.refreshGrace
    const isParent = token === `gpr_${session.sid}_${session.counter - 1}`
    if (!isCurrent(session, token) && !(isParent && (grace || !session.confirmed))) session.revoked = true
    return session.revoked ? undefined : session
  }

  #newGuest(): StoredSession {
    const visitor = this.#members.newVisitor()
    this.#guests.push(subjectOf(visitor))
    return this.#newSession(subjectOf(visitor), visitor)
  }

  #newSession(guest: string, visitor: Visitor): StoredSession {
    const [sid, now] = [`s${this.#sessions.length + 1}`, Date.now()]
    const state = { counter: 0, rotatedAt: now, confirmed: false, revoked: false }
    const session: StoredSession = { guest, visitor, sid, createdAt: now, ...state }
    this.#sessions.push(session)
    return session
  }

  #tokenResponse(session: StoredSession, refresh: boolean): Body {
    const ttl = refresh ? this.#options.accessTtl : GUEST_TOKEN_TTL
    const accessToken = this.#issueAccessToken(session, ttl, refresh)
    return {
      access_token: accessToken,
      token_type: 'bearer',
      expires_in: Math.floor(ttl / 1000),
      anonymous_id: subjectOf(session.visitor),
      ...(refresh && { refresh_token: `gpr_${session.sid}_${session.counter}` }),
    }
  }

  /** A token in the form of a JWT, so that apps can decode it. It is not signed. */
  #issueAccessToken(session: StoredSession, ttl: number, refresh: boolean): string {
    const now = Date.now()
    const claims = {
      iss: this.#options.origin,
      sub: subjectOf(session.visitor),
      aud: refresh ? 'guestpass' : this.#options.origin,
      client_id: 'guestpass',
      iat: Math.floor(now / 1000),
      exp: Math.floor((now + ttl) / 1000),
      jti: `t${this.#accessTokens.size + 1}`,
      sid: session.sid,
      gen: session.counter,
    }
    const token = `${encode({ alg: 'none', typ: 'at+jwt' })}.${encode(claims)}.test`
    this.#accessTokens.set(token, { session, counter: session.counter, expiresAt: now + ttl, refused: false })
    return token
  }
}

function isCurrent({ sid, counter }: StoredSession, token: string | null | undefined): boolean {
  return token === `gpr_${sid}_${counter}`
}

function timestamp(milliseconds: number): string {
  return new Date(milliseconds).toISOString()
}

function encode(part: object): string {
  return btoa(JSON.stringify(part)).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '')
}
