import { earlyLogin } from 'guestpass/early-login'
import { preload } from 'react-dom'
import { Session } from './session'

// The address from which the browser fetches the compiled code.
const code = new URL('guestpass/sdk.wasm', import.meta.url)

export default function Layout({ children }) {
  preload(code.href, { as: 'fetch', type: 'application/wasm', crossOrigin: 'anonymous' })
  return (
    <html lang="en">
      <head>
        <script>{earlyLogin()}</script>
      </head>
      <body>
        <Session>{children}</Session>
      </body>
    </html>
  )
}
