// Passkeys (WebAuthn): what the server asks for, what the browser makes of it, as JSON. Loaded when it is first needed.

import { decode, encode } from './base64url.js'
import { GuestpassError, refusal } from './errors.js'
import type { UpgradeKind } from './manager.js'
import type { Session } from './types.js'

/** Has the server ask and the visitor answer; answers with what `register` or `login` is to be sent. */
export async function askForPasskey(
  session: Session,
  kind: UpgradeKind,
  { email }: { email?: string },
): Promise<object> {
  if (!globalThis.PublicKeyCredential) throw failed('this browser knows no passkeys')
  // The first reads what is stored; the second lifts a sign-out that nobody was to follow.
  await session.start()
  await session.start()
  const response = await session.fetch(`${kind}/options`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ email }),
  })
  const answer = await response.json().catch(() => ({}))
  if (!response.ok) throw refused(response.status, answer.code)
  const ask = kind === 'register' ? create : get
  const credential = await ask(answer.publicKey).catch((cause) => {
    throw failed(`the browser gave no passkey: ${cause?.name}`, cause)
  })
  const passkey = { challenge_id: answer.challenge_id, credential }
  return kind === 'register' ? { passkey, email } : { passkey }
}

async function create(options: PublicKeyCredentialCreationOptionsJSON): Promise<object> {
  const { challenge, user, excludeCredentials } = options
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON?.(options) ?? {
    ...(options as unknown as PublicKeyCredentialCreationOptions),
    challenge: decode(challenge),
    user: { ...user, id: decode(user.id) },
    excludeCredentials: descriptors(excludeCredentials),
  }
  return asJson(await navigator.credentials.create({ publicKey }))
}

async function get(options: PublicKeyCredentialRequestOptionsJSON): Promise<object> {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON?.(options) ?? {
    ...(options as unknown as PublicKeyCredentialRequestOptions),
    challenge: decode(options.challenge),
    allowCredentials: descriptors(options.allowCredentials),
  }
  return asJson(await navigator.credentials.get({ publicKey }))
}

function descriptors(list: PublicKeyCredentialDescriptorJSON[] = []): PublicKeyCredentialDescriptor[] {
  return list.map((descriptor) => ({ ...(descriptor as object), type: 'public-key', id: decode(descriptor.id) }))
}

/** WebAuthn Level 3, §5.1: the JSON of a credential, also where the browser makes none. */
function asJson(credential: Credential | null): object {
  const { id, rawId, type, response, authenticatorAttachment, toJSON } = credential as PublicKeyCredential
  if (typeof toJSON === 'function') return (credential as PublicKeyCredential).toJSON()
  const fields: Record<string, unknown> = {}
  for (const name of ['clientDataJSON', 'attestationObject', 'authenticatorData', 'signature', 'userHandle']) {
    const value = (response as unknown as Record<string, ArrayBuffer | null | undefined>)[name]
    if (value) fields[name] = text(value)
  }
  const { getTransports } = response as AuthenticatorAttestationResponse
  if (getTransports) fields.transports = getTransports.call(response)
  const { credProps } = (credential as PublicKeyCredential).getClientExtensionResults()
  return {
    id,
    rawId: text(rawId),
    type,
    response: fields,
    clientExtensionResults: credProps ? { credProps } : {},
    ...(authenticatorAttachment && { authenticatorAttachment }),
  }
}

function text(buffer: ArrayBuffer): string {
  return encode(new Uint8Array(buffer))
}

function failed(message: string, cause?: unknown): GuestpassError {
  return new GuestpassError('passkey_failed', message, cause ? { cause } : {})
}

function refused(status: number, code: unknown): GuestpassError {
  if (typeof code !== 'string') {
    return new GuestpassError(status < 500 ? 'rejected' : 'unavailable', `no passkey can be asked for (HTTP ${status})`)
  }
  return refusal(status, code)
}
