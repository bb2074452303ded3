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

// A deploy removes the files of the page that is open. Firefox and Safari remember a module that failed to load.
const REMEDY =
  'Reload the page: some browsers do not load the file again before that. If it happens again, check that the ' +
  'JavaScript files of the package guestpass are served.'
