// Removes what the oldest supported engines do not have (docs/guides/loading.md): Chrome 100, Firefox 100, Safari 15.4. Import it
// before anything else. It runs in Node and in browsers.

const NEWER = {
  AbortSignal: ['any', 'timeout'],
  Array: ['fromAsync'],
  'Array.prototype': ['findLast', 'findLastIndex', 'toReversed', 'toSorted', 'toSpliced', 'with'],
  'ArrayBuffer.prototype': ['detached', 'maxByteLength', 'resizable', 'resize', 'transfer', 'transferToFixedLength'],
  'Blob.prototype': ['bytes'],
  'Headers.prototype': ['getSetCookie'],
  Iterator: ['from', 'concat'],
  Map: ['groupBy'],
  'Map.prototype': ['getOrInsert', 'getOrInsertComputed'],
  Math: ['f16round', 'sumPrecise'],
  Object: ['groupBy'],
  Promise: ['try', 'withResolvers'],
  PublicKeyCredential: ['getClientCapabilities', 'parseCreationOptionsFromJSON', 'parseRequestOptionsFromJSON'],
  'PublicKeyCredential.prototype': ['toJSON'],
  ReadableStream: ['from'],
  'ReadableStream.prototype': ['values', Symbol.asyncIterator],
  RegExp: ['escape'],
  'Request.prototype': ['bytes', 'duplex'],
  Response: ['json'],
  'Response.prototype': ['bytes'],
  'Set.prototype': [
    ...['difference', 'intersection', 'isDisjointFrom', 'isSubsetOf', 'isSupersetOf', 'symmetricDifference', 'union'],
  ],
  'String.prototype': ['isWellFormed', 'toWellFormed'],
  'TypedArray.prototype': ['findLast', 'findLastIndex', 'toReversed', 'toSorted', 'with'],
  URL: ['canParse', 'parse'],
  'URLSearchParams.prototype': ['size'],
  Uint8Array: ['fromBase64', 'fromHex'],
  'Uint8Array.prototype': ['setFromBase64', 'setFromHex', 'toBase64', 'toHex'],
  navigator: ['storage', 'userActivation', 'userAgentData'],
}

const GLOBALS = [
  ...['CompressionStream', 'DecompressionStream', 'Float16Array', 'Iterator', 'Navigation', 'TextDecoderStream'],
  ...[
    'TextEncoderStream',
    'URLPattern',
    'Temporal',
    'DisposableStack',
    'AsyncDisposableStack',
    'scheduler',
    'navigation',
  ],
]

const TypedArray = Object.getPrototypeOf(Uint8Array)
const iterator = Object.getPrototypeOf(Object.getPrototypeOf([].values()))
const kept = new Set(['constructor', Symbol.iterator, Symbol.toStringTag])
for (const name of Reflect.ownKeys(iterator)) if (!kept.has(name)) delete iterator[name]

// Node's own `Response` needs these.
if (globalThis.process) delete NEWER['String.prototype']

/** The names that were there. */
export const removed = []
for (const [path, names] of Object.entries(NEWER)) {
  const [first, ...rest] = path.split('.')
  const object = rest.reduce((object, name) => object?.[name], first === 'TypedArray' ? TypedArray : globalThis[first])
  for (const name of names) {
    if (object && Reflect.has(object, name) && Reflect.deleteProperty(object, name))
      removed.push(`${path}.${String(name)}`)
  }
}
for (const name of GLOBALS) {
  if (name in globalThis && Reflect.deleteProperty(globalThis, name)) removed.push(name)
}
