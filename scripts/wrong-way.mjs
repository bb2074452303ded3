// Shows that the tests hold up every check of the verifier: takes one after another out of a copy of the server, and looks
// whether a test fails.
//
//   node scripts/wrong-way.mjs [WORD…]      all, or those whose name has one of the words
//
// Each costs a build of the server and of its tests, so it is no part of `make test`.

import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

const VERIFY = 'server/src/auth/verify.rs'
const CLAIMS = 'server/src/auth/access_token.rs'
const SESSIONS = 'server/src/auth/sessions.rs'

/** Where most tests of the verifier are; what needs a key that has ended is a unit test. */
const API = ['--test', 'api', '--', 'access_token', 'resource_server']
const UNIT = ['--lib', '--', 'verify::']

/** Name, file, the check as it is written, what is left without it; the tests, if they are not API's. */
const CHECKS = [
  ['length', VERIFY, 'if token.len() > MAX_LENGTH {', 'if false {'],
  ['canonical base64 of the signature', VERIFY, '\n        decode(signature)?;', ''],
  ['a JSON object', VERIFY, 'if json.starts_with(b"{") {', 'if true {'],
  ['unknown members of the header', VERIFY, '#[serde(deny_unknown_fields)]\n', ''],
  ['typ', VERIFY, 'if header.typ != TYPE {', 'if false {'],
  ['end of a key', VERIFY, 'if key.until.is_some_and(|until| until <= now) {', 'if false {', UNIT],
  [
    'end of a key, for a cached token',
    VERIFY,
    'key.until.map_or(verified.expires_at, |until| until.min(verified.expires_at))',
    'verified.expires_at',
    UNIT,
  ],
  ['alg', VERIFY, 'if header.alg != key.algorithm.name() {', 'if false {'],
  ['signature', VERIFY, 'Ok(false) | Err(_) => return Err(Rejection::Signature),', 'Ok(false) | Err(_) => {}'],
  ['unknown claims', CLAIMS, '#[serde(deny_unknown_fields)]\n', ''],
  ['iss', VERIFY, 'claims.iss != self.issuer || ', ''],
  ['aud', VERIFY, 'claims.aud != self.audience || ', ''],
  ['client_id', VERIFY, ' || claims.client_id != CLIENT_ID', ''],
  ['exp', VERIFY, 'if now >= expires_at {', 'if false {'],
  ['exp, exactly', VERIFY, 'if now >= expires_at {', 'if now > expires_at {'],
  ['nbf', VERIFY, 'claims.nbf.map_or(claims.iat, |nbf| nbf.max(claims.iat))', 'claims.iat'],
  ['iat', VERIFY, 'claims.nbf.map_or(claims.iat, |nbf| nbf.max(claims.iat))', 'claims.nbf.unwrap_or(0)'],
  ['leeway', VERIFY, 'LEEWAY: Duration = Duration::from_secs(5)', 'LEEWAY: Duration = Duration::from_secs(6)'],
  ['times of a cached token', VERIFY, 'now < self.expires_at && self.not_before <= now + LEEWAY', 'true'],
  ['revocation', SESSIONS, 'if self.revoked.contains(verified.session) {', 'if false {'],
]

const words = process.argv.slice(2)
const chosen = CHECKS.filter(([name]) => words.length === 0 || words.some((word) => name.includes(word)))
// A target folder of its own: in that of the working tree, the copy's artefacts would pass for the tree's.
const target = join(resolve(process.env.CARGO_TARGET_DIR ?? 'target'), 'wrong-way')
const tree = join(target, 'tree')

rmSync(tree, { recursive: true, force: true })
const files = ['*.toml', 'Cargo.lock', '*.md', 'sdk', 'server', 'tests/bench']
for (const file of execFileSync('git', ['ls-files', '-z', ...files], { encoding: 'utf8' })
  .split('\0')
  .filter(Boolean)) {
  mkdirSync(dirname(join(tree, file)), { recursive: true })
  cpSync(file, join(tree, file))
}

for (const tests of [API, UNIT]) if (!run(tests).passed) fail('the tests fail as it is')
const caught = chosen.filter(isCaught).length
console.log(`${caught} passed, ${chosen.length - caught} failed`)
process.exitCode = caught === chosen.length ? 0 : 1

/** Whether a test fails without the check. */
function isCaught([name, file, check, without, tests = API]) {
  const path = join(tree, file)
  const source = readFileSync(path, 'utf8')
  if (source.split(check).length !== 2) fail(`${file} does not have this once: ${check}`)
  writeFileSync(path, source.replace(check, without))
  const { passed, failures } = run(tests)
  writeFileSync(path, source)
  if (passed) console.log(`NOT caught: ${name}`)
  else if (failures === 0) fail(`without ${name} it does not compile`)
  else console.log(`caught by ${failures} of the tests: ${name}`)
  return !passed
}

function run(tests) {
  const { status, stdout } = spawnSync(
    'cargo',
    ['test', '--locked', '--quiet', '--package', 'guestpass-server', ...tests],
    {
      cwd: tree,
      env: { ...process.env, CARGO_TARGET_DIR: target, RUST_BACKTRACE: '0' },
      encoding: 'utf8',
    },
  )
  return { passed: status === 0, failures: Number(stdout.match(/(\d+) failed;/)?.[1] ?? 0) }
}

function fail(message) {
  console.error(`error: ${message}`)
  process.exit(1)
}
