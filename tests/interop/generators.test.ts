// Clients that generators make of the contract: they compile, and their requests are those of the server.

import { execFile } from 'node:child_process'
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { Server } from 'guestpass-e2e/harness/server.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'

const TIMEOUT = 180_000
const TOOLS = here('generators/node_modules/.bin')
const PYTHON = process.env.GUESTPASS_PYTHON ?? 'python3'
const TSC_FLAGS =
  '--noEmit --strict --skipLibCheck --target es2022 --module esnext --moduleResolution bundler --lib es2022,dom,dom.iterable'

let server: Server
let folder: string
let document: {
  readonly paths: Record<string, Record<string, { readonly requestBody?: { readonly content: object } }>>
}

beforeAll(async () => {
  server = await Server.start(['--issuer', 'http://localhost:8000', '--passkey-domain', 'localhost'])
  folder = await mkdtemp(join(tmpdir(), 'guestpass-generators-'))
  document = await (await fetch(`${server.url}/openapi.json`)).json()
  await writeFile(join(folder, 'openapi.json'), JSON.stringify(document))
}, TIMEOUT)

afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
  await server[Symbol.asyncDispose]()
})

test('a body that may be left out is not required, and is never null', () => {
  const bodies = Object.values(document.paths).flatMap((path) =>
    Object.values(path).map(({ requestBody }) => requestBody),
  )

  expect(JSON.stringify(bodies)).not.toContain('"null"')
  expect(document.paths['/anonymous-login']?.post?.requestBody).toEqual({
    content: { 'application/json': { schema: { $ref: '#/components/schemas/LoginBody' } } },
    required: false,
  })
})

test(
  'the clients of orval, openapi-typescript and hey-api compile and log guests in',
  async () => {
    const orval = {
      api: { input: './openapi.json', output: { target: './orval.ts', client: 'fetch', baseUrl: server.url } },
    }
    await writeFile(join(folder, 'orval.config.cjs'), `module.exports = ${JSON.stringify(orval)}`)
    await Promise.all([
      run(join(TOOLS, 'orval'), '--config', 'orval.config.cjs'),
      run(join(TOOLS, 'openapi-typescript'), 'openapi.json', '--output', 'openapi_typescript.ts'),
      run(
        join(TOOLS, 'openapi-ts'),
        '--input',
        'openapi.json',
        '--output',
        'hey_api',
        '--client',
        '@hey-api/client-fetch',
      ),
    ])
    await copyFile(here('generators/client.ts'), join(folder, 'client.ts'))

    await run(join(TOOLS, 'tsc'), ...TSC_FLAGS.split(' '), 'client.ts')
    const outfile = join(folder, 'client.mjs')
    await build({ entryPoints: [join(folder, 'client.ts')], bundle: true, format: 'esm', platform: 'node', outfile })
    const client = await import(/* @vite-ignore */ pathToFileURL(outfile).href)

    expect(await client.run(server.url)).toBe(4)
  },
  TIMEOUT,
)

test(
  'the client of openapi-python-client imports and logs guests in',
  async () => {
    const generator = join(dirname(PYTHON), 'openapi-python-client')
    await run(generator, 'generate', '--path', 'openapi.json', '--output-path', 'python_client', '--meta', 'none')

    expect(await run(PYTHON, here('generators/client.py'), server.url)).toBe('ok\n')
  },
  TIMEOUT,
)

/** Runs a program in the folder, and returns its standard output. */
async function run(program: string, ...args: readonly string[]): Promise<string> {
  const PATH = [dirname(PYTHON), process.env.PATH].join(delimiter)
  const env = {
    ...process.env,
    PATH,
    PYTHONPATH: folder,
    PYTHONDONTWRITEBYTECODE: '1',
    SCARF_ANALYTICS: 'false',
    DO_NOT_TRACK: '1',
  }
  const { stdout } = await promisify(execFile)(program, args, { cwd: folder, env, maxBuffer: 2 ** 24 })
  return stdout
}

function here(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url))
}
