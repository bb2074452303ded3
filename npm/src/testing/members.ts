/** A visitor of the test server: a guest, or a member with the credentials of the registration. */
export interface Visitor {
  readonly uuid: string
  member: boolean
  email: string | null
  password: string | null
  /** The ID token by which the member was linked. */
  idToken: string | null
}

/** The result of an endpoint: the visitor, or the status and code of a problem document. */
export type MemberResult = { readonly visitor: Visitor } | { readonly status: number; readonly code: string }

/** The endpoints by which guests become members, with the rules of the real server, without passkeys. */
export class Members {
  readonly #visitors: Visitor[] = []

  newVisitor(): Visitor {
    const uuid = `00000000-0000-4000-8000-${String(this.#visitors.length + 1).padStart(12, '0')}`
    const visitor = { uuid, member: false, email: null, password: null, idToken: null }
    this.#visitors.push(visitor)
    return visitor
  }

  /** `POST /register`: makes the caller a member. Repeating the same request has the same result. */
  register(caller: Visitor, { email, password }: Record<string, unknown>): MemberResult {
    if (typeof email !== 'string' || !/^\S+@\S+$/.test(email)) return refused(422, 'invalid_email')
    if (typeof password !== 'string' || password.length < 8) return refused(422, 'password_too_short')
    const again = caller.email === email && caller.password === password
    if (caller.member && !again) return refused(409, 'already_member')
    if (!again && this.#find({ email })) return refused(409, 'email_taken')
    return { visitor: Object.assign(caller, { member: true, email, password }) }
  }

  /** `POST /login`: finds the member into whose account the caller is merged. */
  login(caller: Visitor, { email, password }: Record<string, unknown>): MemberResult {
    const member = typeof password === 'string' && this.#find({ email, password })
    return member ? merged(caller, member) : refused(403, 'invalid_credentials')
  }

  /** `POST /link`. Any string is the valid ID token of one visitor, except for `invalid`. */
  link(caller: Visitor, { id_token }: Record<string, unknown>): MemberResult {
    if (typeof id_token !== 'string' || id_token === 'invalid') return refused(403, 'invalid_id_token')
    const member = this.#find({ idToken: id_token })
    if (member) return merged(caller, member)
    if (caller.member) return refused(409, 'already_member')
    return { visitor: Object.assign(caller, { member: true, idToken: id_token }) }
  }

  /** `DELETE /me`. */
  erase(visitor: Visitor): void {
    Object.assign(visitor, { member: false, email: null, password: null, idToken: null })
  }

  #find(wanted: Record<string, unknown>): Visitor | undefined {
    return this.#visitors.find((visitor) =>
      Object.entries(wanted).every(([name, value]) => value !== null && visitor[name as keyof Visitor] === value),
    )
  }
}

export function subjectOf({ member, uuid }: Visitor): string {
  return `${member ? 'user' : 'anonymous'}_${uuid}`
}

function merged(caller: Visitor, member: Visitor): MemberResult {
  return caller.member && caller !== member ? refused(409, 'already_member') : { visitor: member }
}

function refused(status: number, code: string): MemberResult {
  return { status, code }
}
