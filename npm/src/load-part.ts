import { GuestpassError } from './errors.js'

/**
 * Waits for the `import()` of a part of the package that is loaded on demand.
 *
 * @param what - names the part in the message of the error.
 * @throws GuestpassError with code `load_failed`; `cause` is the error of `import()`.
 */
export function loadPart<Part>(what: string, part: Promise<Part>): Promise<Part> {
  return part.catch((cause: unknown) => {
    throw new GuestpassError('load_failed', `the code for ${what} could not be loaded. ${REMEDY} (${cause})`, { cause })
  })
}

// A deploy removes the files of a page that is open. Some browsers remember until a reload that a module has not been loaded.
const REMEDY = 'Reload the page. Then check that the server has all JavaScript of the build.'
