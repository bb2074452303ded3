import { useSession } from 'guestpass/react'
import { useEffect } from 'react'
import { session } from '../session.js'

/** In the browser, where the visitor is: loaders of the server have no guest. */
export async function clientLoader() {
  const response = await session.fetch('/me')
  return response.json()
}

clientLoader.hydrate = true

export function HydrateFallback() {
  const { status } = useSession()
  return <p id="status">{status}</p>
}

export default function Home({ loaderData }) {
  const { id } = useSession()
  useEffect(() => {
    document.body.dataset[id === loaderData.id ? 'guest' : 'error'] = loaderData.id
  }, [id, loaderData])
  return <p id="status">{id}</p>
}
