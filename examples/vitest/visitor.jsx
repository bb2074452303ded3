import { useSession } from 'guestpass/react'

/** The component under test. */
export function Visitor() {
  const id = useSession((snapshot) => snapshot.id)
  return <output>{id}</output>
}
