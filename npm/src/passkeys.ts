// Passkeys (WebAuthn): passes the options of the server to the browser, and the credential of the browser to the server,
// both as JSON. `session.register` and `session.login` load this module with the first passkey.

import { decode, encode } from './base64url.js'
import { GuestpassError } from './errors.js'
import type { Session } from './types.js'

/** Requests a passkey from the browser and returns the request body of `/register` or `/login`. */
export async function askForPasskey(
  session: Session,
  ask: (method: string, path: string, body: object) => Promise<PasskeyOptions>,
  path: string,
  { email }: { readonly email?: string },
): Promise<object> {
  if (!globalThis.PublicKeyCredential) throw failed('this browser does not support passkeys')
  // The first call reads the storage. The second allows a new guest after a permanent sign-out.
  await session.start()
  await session.start()
  const { challenge_id, publicKey } = await ask('POST', `${path}/options`, { email })
  const registers = path === '/register'
  const request: (options: never) => Promise<object> = registers ? create : get
  const credential = await request(publicKey as never).catch((cause) => {
    throw failed(`the browser returned no passkey: ${cause?.name}`, cause)
  })
  const passkey = { challenge_id, credential }
  return registers ? { passkey, email } : { passkey }
}

/** The response of the server: an id, and the options for the browser. */
interface PasskeyOptions {
  readonly challenge_id: string
  readonly publicKey: unknown
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

/** The JSON of a credential (WebAuthn Level 3, section 5.1), also in browsers without `toJSON`. */
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
