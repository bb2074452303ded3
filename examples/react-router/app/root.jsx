import { SessionProvider } from 'guestpass/react'
import { Outlet, Scripts } from 'react-router'
import { session } from './session.js'

export function Layout({ children }) {
  return (
    <html lang="en">
      <head>
        <meta charSet="utf-8" />
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
