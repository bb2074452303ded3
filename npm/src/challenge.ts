// Answers a login to which the server has responded with 428: with a proof of work, or with the token of a CAPTCHA. Session
// managers load this module with the first such response.

import { GuestpassError } from './errors.js'
import type { OnChange } from './manager.js'
import { type ProofParameters, type ProofSolution, solveProof } from './solve-proof.js'
import type { SessionEvent, SessionOptions } from './types.js'

/** The problem of the response (RFC 9457). */
interface Problem {
  readonly code: string
  readonly challenge: { readonly parameters: ProofParameters }
}

/** What has been answered. The server asks for the proof first, so the token of a CAPTCHA is not used up without it. */
interface Answer {
  proof?: string
  captcha?: string
}

type ProofEvent = Extract<SessionEvent, { type: 'proof' }>

/** Returns a function that returns the answer to a problem; both are JSON texts. */
export function answerer(
  captcha: SessionOptions['captcha'],
  onChange: OnChange,
  startWorker: (() => Worker) | undefined,
) {
  let answer: Answer = {}

  return async (text: string, signal: AbortSignal): Promise<string> => {
    const { code, challenge } = JSON.parse(text) as Problem
    if (code === 'proof_required') {
      answer = { proof: await prove(challenge, signal, onChange, startWorker) }
    } else if (code === 'captcha_required') {
      answer = { ...answer, captcha: await askForToken(captcha, signal) }
    } else {
      throw rejected(`it demands ${code}, which this version of guestpass does not know`)
    }
    return JSON.stringify(answer)
  }
}

/** Returns the value of the header `Proof-Of-Work`. */
async function prove(
  challenge: Problem['challenge'],
  signal: AbortSignal,
  onChange: OnChange,
  startWorker: (() => Worker) | undefined,
): Promise<string> {
  const { parameters } = challenge
  if (parameters.algorithm !== 'PBKDF2/SHA-256') throw rejected(`its proof of work is ${parameters.algorithm}`)
  let attempts = 0
  const expected = 16 ** parameters.keyPrefix.length
  const emit = (state: ProofEvent['state']) =>
    onChange(undefined, { type: 'proof', at: Date.now(), state, attempts, expected })
  const onProgress = (count: number) => {
    attempts = count
    emit('solving')
  }
  onProgress(0)
  try {
    const solution = await inWorker(startWorker, parameters, onProgress, signal).catch(() => {
      signal.throwIfAborted()
      return solveProof(parameters, onProgress, signal)
    })
    attempts = solution.counter + 1
    emit('solved')
    return btoa(JSON.stringify({ challenge, solution }))
  } catch (error) {
    emit('failed')
    throw error
  }
}

/** Rejects where there is no worker: not in Node, and not if the Content-Security-Policy or the bundler does not provide it. */
function inWorker(
  startWorker: (() => Worker) | undefined,
  parameters: ProofParameters,
  onProgress: (attempts: number) => void,
  signal: AbortSignal,
): Promise<ProofSolution> {
  return new Promise((resolve, reject) => {
    if (!startWorker) throw new TypeError('there is no worker')
    const worker = startWorker()
    const end = (settle: () => void) => {
      worker.terminate()
      signal.removeEventListener('abort', abort)
      settle()
    }
    const abort = () => end(() => reject(signal.reason))
    signal.addEventListener('abort', abort)
    worker.onerror = (event) => {
      event.preventDefault()
      end(() => reject(event))
    }
    worker.onmessage = ({ data }: MessageEvent<number | ProofSolution>) => {
      if (typeof data === 'number') onProgress(data)
      else end(() => resolve(data))
    }
    worker.postMessage(parameters)
  })
}

async function askForToken(captcha: SessionOptions['captcha'], signal: AbortSignal): Promise<string> {
  if (!captcha) throw rejected('it demands a CAPTCHA; set the option captcha')
  let token: unknown
  try {
    token = await captcha({ signal })
  } catch (cause) {
    throw rejected(`the option captcha returned no token: ${cause}`, cause)
  }
  if (typeof token !== 'string' || token === '') throw rejected('the option captcha must return a token')
  return token
}

function rejected(why: string, cause?: unknown): GuestpassError {
  return new GuestpassError('rejected', `the session server made no guest: ${why}`, cause ? { cause } : {})
}
