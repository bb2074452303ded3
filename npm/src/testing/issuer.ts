import { type MemberAnswer, Members, type Person, subjectOf } from './members.js'

/** A session, as the server keeps it. */
interface Row {
  /** As whom it began. */
  readonly guest: string
  /** Whose it is. */
  person: Person
  readonly sid: string
  readonly createdAt: number
  /** How often the refresh token was rotated. */
  counter: number
  rotatedAt: number
  revoked: boolean
}

interface Issued {
  readonly row: Row
  readonly expiresAt: number
  refused: boolean
}

export interface IssuerOptions {
  readonly origin: string
  readonly accessTtl: number
  readonly refreshGrace: number
}

type Body = Record<string, unknown>

/** How long a key stands for the guest that was made under it. As the real server has it. */
const KEY_LIFETIME = 10 * 60_000
/** Of the token of a simple client, which has no refresh token. */
const GUEST_TOKEN_TTL = 30 * 24 * 60 * 60_000

/** Issues, rotates and revokes tokens by the rules of the real server, in memory; names and tokens are counted. */
export class Issuer {
  readonly #options: IssuerOptions
  readonly #rows: Row[] = []
  readonly #keys = new Map<string, Row>()
  readonly #access = new Map<string, Issued>()
  readonly #members = new Members()

  constructor(options: IssuerOptions) {
    this.#options = options
  }

  get guests(): string[] {
    return this.#rows.map(({ guest }) => guest)
  }

  /** `POST /anonymous-login`. */
  login(refresh: boolean, key: string | null): Body {
    const now = Date.now()
    const known = key === null ? undefined : this.#keys.get(key)
    const again = known && known.counter === 0 && !known.revoked && now - known.createdAt < KEY_LIFETIME
    const row = again ? known : this.#newGuest(now)
    if (key !== null) this.#keys.set(key, row)
    return this.#answer(row, refresh)
  }

  /** `POST /token`: the successor, or undefined, which is `invalid_grant`. */
  refresh(token: string | null): Body | undefined {
    const [, sid, counter] = /^gpr_(\w+)_(\d+)$/.exec(token ?? '') ?? []
    const row = this.#rows.find((row) => row.sid === sid)
    if (!row || row.revoked) return
    const now = Date.now()
    if (Number(counter) === row.counter) {
      row.counter += 1
      row.rotatedAt = now
    } else if (Number(counter) !== row.counter - 1 || now - row.rotatedAt > this.#options.refreshGrace) {
      // Used again too late: taken for a theft.
      row.revoked = true
      return
    }
    return this.#answer(row, true)
  }

  /** `POST /revoke`: either token ends its session. */
  revokeToken(token: string | null): void {
    const sid = /^gpr_(\w+)_\d+$/.exec(token ?? '')?.[1]
    const row = sid ? this.#rows.find((row) => row.sid === sid) : this.#access.get(token ?? '')?.row
    if (row) row.revoked = true
  }

  /** Ends the sessions of a guest or a member, or all. */
  revoke(id?: string): void {
    for (const row of this.#rows) {
      if (id === undefined || row.guest === id || subjectOf(row.person) === id) row.revoked = true
    }
  }

  /** A member without a session, who can log in. */
  addMember(email: string, password: string): string {
    const answer = this.#members.register(this.#members.newPerson(), { email, password })
    if (!('person' in answer)) throw new Error(`addMember: ${answer.code}`)
    return subjectOf(answer.person)
  }

  /** `POST /register`, `/login`, `/link`: by whom the bearer of a token is now, or why not. */
  upgrade(kind: 'register' | 'login' | 'link', accessToken: string, body: Body): Body & { readonly status?: number } {
    const row = this.#rowOf(accessToken)
    const caller = row.person
    const answer: MemberAnswer = this.#members[kind](caller, body)
    if (!('person' in answer)) return answer
    const { person } = answer
    // With all sessions of the guest, once.
    for (const other of this.#rows) if (other.person === caller) other.person = person
    const merged = !row.guest.endsWith(person.uuid)
    const outcome = merged || kind === 'login' ? 'logged_in' : 'registered'
    return { id: subjectOf(person), kind: 'user', email: person.email, outcome, merged }
  }

  /** `DELETE /me`. */
  erase(accessToken: string): void {
    const { person } = this.#rowOf(accessToken)
    for (const row of this.#rows) if (row.person === person) row.revoked = true
    this.#members.erase(person)
  }

  /** `GET /me`. */
  me(accessToken: string): Body {
    const { person } = this.#rowOf(accessToken)
    return { id: subjectOf(person), kind: person.member ? 'user' : 'guest', email: person.email }
  }

  /** No access token that was given out so far is accepted any more; refresh tokens are. */
  refuseAccess(): void {
    for (const issued of this.#access.values()) issued.refused = true
  }

  /** Whose token it is, if it is accepted: also after a merge, when it still names the guest. */
  guestOf(accessToken: string | undefined): string | null {
    const issued = this.#access.get(accessToken ?? '')
    const accepted = issued && !issued.refused && !issued.row.revoked && Date.now() < issued.expiresAt
    return accepted ? subjectOf(issued.row.person) : null
  }

  #rowOf(accessToken: string): Row {
    const issued = this.#access.get(accessToken)
    if (!issued) throw new Error('this token was not issued here')
    return issued.row
  }

  #newGuest(now: number): Row {
    const person = this.#members.newPerson()
    const [guest, sid] = [subjectOf(person), `s${this.#rows.length + 1}`]
    const row: Row = { guest, person, sid, createdAt: now, counter: 0, rotatedAt: now, revoked: false }
    this.#rows.push(row)
    return row
  }

  #answer(row: Row, refresh: boolean): Body {
    const ttl = refresh ? this.#options.accessTtl : GUEST_TOKEN_TTL
    const accessToken = this.#accessToken(row, ttl)
    return {
      access_token: accessToken,
      token_type: 'bearer',
      expires_in: Math.floor(ttl / 1000),
      anonymous_id: subjectOf(row.person),
      ...(refresh && { refresh_token: `gpr_${row.sid}_${row.counter}` }),
    }
  }

  /** A JWT in its form, so that apps that look into theirs can; its signature is a word. */
  #accessToken(row: Row, ttl: number): string {
    const now = Date.now()
    const claims = {
      iss: this.#options.origin,
      sub: subjectOf(row.person),
      aud: 'guestpass',
      client_id: 'guestpass',
      iat: Math.floor(now / 1000),
      exp: Math.floor((now + ttl) / 1000),
      jti: `t${this.#access.size + 1}`,
      sid: row.sid,
    }
    const token = `${encoded({ alg: 'none', typ: 'at+jwt' })}.${encoded(claims)}.test`
    this.#access.set(token, { row, expiresAt: now + ttl, refused: false })
    return token
  }
}

function encoded(part: object): string {
  return btoa(JSON.stringify(part)).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '')
}
