// Imports every entry, creates sessions and reads their snapshots. Prints the globals that this used, and those that the
// first use of a session used.

// Imported first: axios and React use globals themselves, and Node uses WebAssembly to parse their modules.
await import('axios')
await import('react')

const touched = new Set()

// Calls by Node itself do not count: it compiles its HTTP parser at an unpredictable time.
function touch(name) {
  const caller = new Error().stack.split('\n')[3] ?? ''
  if (!caller.includes('(node:')) touched.add(name)
}

function watch(owner, name) {
  owner[name] = new Proxy(owner[name] ?? class {}, {
    apply(target, self, args) {
      touch(name)
      return Reflect.apply(target, self, args)
    },
    construct(target, args, newTarget) {
      touch(name)
      return Reflect.construct(target, args, newTarget)
    },
  })
}

for (const name of ['fetch', 'setTimeout', 'setInterval', 'queueMicrotask', 'addEventListener', 'BroadcastChannel']) {
  watch(globalThis, name)
}
for (const name of ['compile', 'compileStreaming', 'instantiate', 'instantiateStreaming', 'Module', 'Instance']) {
  watch(WebAssembly, name)
}
for (const name of ['localStorage', 'sessionStorage', 'indexedDB', 'document']) {
  Object.defineProperty(globalThis, name, { configurable: true, get: () => void touched.add(name) })
}
const before = new Set(Object.getOwnPropertyNames(globalThis))

const sessions = []
const entries = [
  'index.js',
  'index.inline.js',
  'index.javascript.js',
  'index.node.js',
  'react.js',
  'axios.js',
  'early-login.js',
  'streams/index.js',
]
for (const entry of [...entries, 'testing/index.js']) {
  const { createSession } = await import(new URL(`../../dist/${entry}`, import.meta.url).href)
  const session = createSession?.({ baseUrl: 'http://127.0.0.1', name: entry })
  session?.subscribe(() => {})
  session?.onEvent(() => {})
  session?.getSnapshot()
  if (session) sessions.push(session)
}
const onImport = [...touched]
const added = Object.getOwnPropertyNames(globalThis).filter((name) => !before.has(name))

await sessions.at(-1).start()
console.log(JSON.stringify({ onImport, added, onUse: [...touched] }))
