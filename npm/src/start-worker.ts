/** Starts the worker that solves a proof of work. Bundlers recognise exactly this expression: they make a file of the worker. */
export const startWorker = (): Worker => new Worker(new URL('./proof-worker.js', import.meta.url), { type: 'module' })
