/** Somebody the server knows: a guest, or a member by what they have registered with. */
export interface Person {
  readonly uuid: string
  member: boolean
  email: string | null
  password: string | null
  /** The ID token that stands for them. */
  idToken: string | null
}

/** What an endpoint answers: with `code`, it is a problem. */
export type MemberAnswer = { readonly person: Person } | { readonly status: number; readonly code: string }

/** What belongs to the endpoints by which guests become members, by the rules of the real server. Not its passkeys. */
export class Members {
  readonly #people: Person[] = []

  newPerson(): Person {
    const uuid = `00000000-0000-4000-8000-${String(this.#people.length + 1).padStart(12, '0')}`
    const person = { uuid, member: false, email: null, password: null, idToken: null }
    this.#people.push(person)
    return person
  }

  /** `POST /register`: the caller becomes a member. The same again is answered with the same. */
  register(caller: Person, { email, password }: Record<string, unknown>): MemberAnswer {
    if (typeof email !== 'string' || !/^\S+@\S+$/.test(email)) return refused(422, 'invalid_email')
    if (typeof password !== 'string' || password.length < 8) return refused(422, 'password_too_short')
    const again = caller.email === email && caller.password === password
    if (caller.member && !again) return refused(409, 'already_member')
    if (!again && this.#find({ email })) return refused(409, 'email_taken')
    return { person: Object.assign(caller, { member: true, email, password }) }
  }

  /** `POST /login`: the member into whom the caller is to be merged. */
  login(caller: Person, { email, password }: Record<string, unknown>): MemberAnswer {
    const member = typeof password === 'string' && this.#find({ email, password })
    return member ? joined(caller, member) : refused(403, 'invalid_credentials')
  }

  /** `POST /link`. Any text is an ID token that stands for somebody, except for `invalid`. */
  link(caller: Person, { id_token }: Record<string, unknown>): MemberAnswer {
    if (typeof id_token !== 'string' || id_token === 'invalid') return refused(403, 'invalid_id_token')
    const member = this.#find({ idToken: id_token })
    if (member) return joined(caller, member)
    if (caller.member) return refused(409, 'already_member')
    return { person: Object.assign(caller, { member: true, idToken: id_token }) }
  }

  /** `DELETE /me`. */
  erase(person: Person): void {
    Object.assign(person, { member: false, email: null, password: null, idToken: null })
  }

  #find(wanted: Record<string, unknown>): Person | undefined {
    return this.#people.find((person) =>
      Object.entries(wanted).every(([name, value]) => value !== null && person[name as keyof Person] === value),
    )
  }
}

export function subjectOf({ member, uuid }: Person): string {
  return `${member ? 'user' : 'anonymous'}_${uuid}`
}

function joined(caller: Person, member: Person): MemberAnswer {
  return caller.member && caller !== member ? refused(409, 'already_member') : { person: member }
}

function refused(status: number, code: string): MemberAnswer {
  return { status, code }
}
