import { Visitor } from './visitor'

export default function Page() {
  return <Visitor />
}
