import { useSession } from 'guestpass/react'
import { session } from '../session.js'

/** Runs in the browser, which has the session of the visitor. A loader would run on the server, which has none. */
export async function clientLoader() {
  const response = await session.fetch('/me')
  return response.json()
}

// The first page, too, is loaded by clientLoader.
clientLoader.hydrate = true

/** The page until clientLoader has finished. The server renders this. */
export function HydrateFallback() {
  const { status } = useSession()
  return <p>{`The session is ${status}.`}</p>
}

export default function Home({ loaderData }) {
  const { kind } = useSession()
  return (
    <p>
      You are <output>{loaderData.id}</output> ({kind}).
    </p>
  )
}

export function ErrorBoundary({ error }) {
  return <p role="alert">{String(error)}</p>
}
