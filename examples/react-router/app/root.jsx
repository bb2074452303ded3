import { earlyLogin } from 'guestpass/early-login'
import { SessionProvider } from 'guestpass/react'
import code from 'guestpass/sdk.wasm?url'
import { Outlet, Scripts } from 'react-router'
import { baseUrl, session } from './session.js'

export function Layout({ children }) {
  return (
    <html lang="en">
      <head>
        <meta charSet="utf-8" />
        {/* The server has the text of the script, the JavaScript of the page does not. */}
        <script suppressHydrationWarning>{import.meta.env.SSR ? earlyLogin({ baseUrl }) : ' '}</script>
        <link rel="preload" href={code} as="fetch" type="application/wasm" crossOrigin="anonymous" />
        <title>Guestpass with React Router</title>
      </head>
      <body>
        {children}
        <Scripts />
      </body>
    </html>
  )
}

export default function Root() {
  return (
    <SessionProvider session={session}>
      <Outlet />
    </SessionProvider>
  )
}
