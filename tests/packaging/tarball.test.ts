// The packed tarball: its files and types, and the results of publint, are-the-types-wrong and knip.

import { execFile } from 'node:child_process'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { expect, test } from 'vitest'
import { packed, tarball, work } from './tarball.ts'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../../', import.meta.url))

test('the tarball has exactly these files', async () => {
  const files = await readdir(packed, { recursive: true, withFileTypes: true })
  const names = files
    .filter((file) => file.isFile())
    .map((file) => join(file.parentPath, file.name).slice(packed.length + 1))
  const modules = names.filter((name) => name.startsWith('dist/'))
  const sources = await readdir(join(root, 'npm/src'), { recursive: true })
  const expected = sources
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'))
    .flatMap((name) => [`dist/${name.replace(/ts$/, 'd.ts')}`, `dist/${name.replace(/ts$/, 'js')}`])

  expect(modules.toSorted()).toEqual(expected.toSorted())
  expect(names.filter((name) => !modules.includes(name)).toSorted()).toEqual([
    'LICENSE-APACHE',
    'LICENSE-MIT',
    'README.md',
    'package.json',
    'pkg/early_login.js',
    'pkg/guestpass_proof.js',
    'pkg/guestpass_proof_inline.js',
    'pkg/guestpass_sdk.js',
    'pkg/guestpass_sdk_bg.wasm',
    'pkg/guestpass_sdk_inline.js',
    'pkg/guestpass_sdk_javascript.js',
    'sdk.wasm.d.ts',
  ])
})

test('the tarball has the licences of the repository', async () => {
  for (const name of ['LICENSE-MIT', 'LICENSE-APACHE']) {
    expect(await readFile(join(packed, name), 'utf8')).toBe(await readFile(join(root, name), 'utf8'))
  }
})

test('publint finds no problem', async () => {
  const { messages, pkg } = await publint({ pkgDir: packed, level: 'suggestion', strict: true })

  expect(messages.map((message) => formatMessage(message, pkg))).toEqual([])
})

test('are-the-types-wrong finds problems only for CommonJS and for the module resolution of Node 10', async () => {
  const { problems } = (await checkPackage(createPackageFromTarballData(await readFile(tarball)), {
    excludeEntrypoints: ['./sdk.wasm', './package.json'],
  })) as {
    problems: { kind: string; resolutionKind?: string; entrypoint?: string }[]
  }
  // The package has only ES modules. Node 20.19 and newer can require them. Node 10 did not support exports.
  const known = (kind: string, resolution?: string) => kind === 'CJSResolvesToESM' || resolution === 'node10'

  expect(problems.filter(({ kind, resolutionKind }) => !known(kind, resolutionKind))).toEqual([])
})

const USE = `
import { createSession, GuestpassError, type ErrorCode, type Session, type SessionEvent, type Snapshot } from 'guestpass'
import { createSession as createInline } from 'guestpass/inline'
import { attachSession } from 'guestpass/axios'
import { earlyLogin, scriptHash, type EarlyLoginOptions } from 'guestpass/early-login'
import { SessionDevtools, SessionProvider, useSession, useSessionFetch } from 'guestpass/react'
import { eventStream, openWebSocket, type ServerSentEvent } from 'guestpass/streams'
import { createTestClock, createTestServer } from 'guestpass/testing'
import { guestpass } from 'guestpass/vite'
import axios from 'axios'

const session: Session = createSession({ baseUrl: 'https://api.example', wasm: new URL('https://cdn.example/sdk.wasm') })
const same: Session = createInline({ storage: { get: () => null, set: () => {} } })
const snapshot: Snapshot = session.getSnapshot()
const id: string | null = snapshot.id
session.onEvent((event: SessionEvent) => { if (event.type === 'identity') event.newId satisfies string | null })
const detach: () => void = attachSession(axios.create(), session)
const chosen: string | null = useSession((snapshot) => snapshot.id)
const fetcher: typeof session.fetch = useSessionFetch()
const early: EarlyLoginOptions = { baseUrl: 'https://api.example', name: 'shop' }
const hash: Promise<string> = scriptHash(earlyLogin(early))
const server = createTestServer({ origin: 'https://api.test' })
server.on('GET /items/:id', ({ params, guest }) => new Response(String([params.id, guest])))
const clock: Promise<void> = createTestClock().advance(1)
const socket: Promise<WebSocket> = openWebSocket(session, new URL('wss://api.example'), ['shop.v1'])
export async function* news(signal: AbortSignal): AsyncGenerator<string> {
  for await (const event of eventStream(session, '/news', { signal, lastEventId: '1' })) yield (event satisfies ServerSentEvent).data
}
const code: ErrorCode = new GuestpassError('closed', '').code
const plugin: { name: string } = guestpass({ preload: false, earlyLogin: { name: 'shop' } })
// @ts-expect-error there is no such option
guestpass({ earlylogin: true })
// @ts-expect-error there is no such option
createSession({ baseURL: 'https://api.example' })
// @ts-expect-error a snapshot is read-only
snapshot.id = 'me'
// @ts-expect-error an event is read-only
export const edit = (event: ServerSentEvent) => (event.data = '')
// @ts-expect-error a socket needs a subprotocol
openWebSocket(session, 'wss://api.example')
// @ts-expect-error there is no such code
const wrong: ErrorCode = 'nope'
// @ts-expect-error a handler returns a response
server.on('GET /items', () => 'tea')
export { plugin, same, id, socket, detach, chosen, fetcher, hash, clock, code, wrong, SessionProvider, SessionDevtools }
`

test.each([
  ['5.0', 'tests/typescript-5.0/package.json', 'NodeNext'],
  ['5.0', 'tests/typescript-5.0/package.json', 'bundler'],
  ['5.9', 'tests/packaging/package.json', 'NodeNext'],
  ['5.9', 'tests/packaging/package.json', 'bundler'],
])(
  'the types are correct with TypeScript %s (from %s, %s), with skipLibCheck: false',
  async (version, from, resolution) => {
    const typescript = createRequire(join(root, from)).resolve('typescript/package.json')
    expect(JSON.parse(await readFile(typescript, 'utf8')).version).toMatch(
      new RegExp(`^${version.replace('.', '\\.')}\\.`),
    )
    await writeFile(join(work, 'use.mts'), USE)
    const config = join(work, 'tsconfig.json')
    const compilerOptions = {
      ...{ strict: true, noEmit: true, target: 'ES2022', lib: ['ES2022', 'DOM', 'DOM.Iterable'], types: [] },
      ...{ module: resolution === 'bundler' ? 'ESNext' : 'NodeNext', moduleResolution: resolution },
      ...{ skipLibCheck: false, exactOptionalPropertyTypes: true },
    }
    await writeFile(config, JSON.stringify({ compilerOptions, files: ['use.mts'] }))

    const { stdout } = await run(process.execPath, [join(typescript, '../bin/tsc'), '-p', config]).catch(
      (error) => error,
    )

    // Errors in the types of React and axios are no errors of this package.
    const errors = stdout.split('\n').filter((line: string) => /guestpass\/|use\.mts|^error/.test(line))
    expect(errors).toEqual([])
  },
)

test('knip finds no unused file, export or dependency in the package', async () => {
  const { stdout } = await run(process.execPath, [join(root, 'node_modules/knip/bin/knip.js'), '--workspace', 'npm'], {
    cwd: root,
  }).catch((error) => error)

  expect(stdout).toBe('')
})
