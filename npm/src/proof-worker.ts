// The worker that solves a proof of work. It gets the parameters, and posts the number of attempts from time to time, then the
// solution. Its parent terminates it.

import { type ProofParameters, solveProof } from './solve-proof.js'

addEventListener('message', async ({ data }: MessageEvent<ProofParameters>) => {
  postMessage(await solveProof(data, postMessage))
})

// An error in an asynchronous function is no error of the worker, which its parent is told of.
addEventListener('unhandledrejection', ({ reason }) => {
  throw reason
})
