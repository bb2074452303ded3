import { QueryClientProvider } from '@tanstack/react-query'
import { SessionProvider } from 'guestpass/react'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { BrowserRouter } from 'react-router'
import { App } from './components/App'
import { browserLanguage, startLanguage } from './i18n'
import { followSession, followTabs, queryClient } from './queries'
import { session } from './session'
import { showTheme } from './theme'
import { remembered } from './visitor-data'
import './styles/index.css'

const root = document.getElementById('root')
if (!root) throw new Error('index.html has no #root')

const { language, theme } = remembered()
showTheme(theme)
followSession(queryClient, session)
followTabs(queryClient)

await startLanguage(language ?? browserLanguage())

createRoot(root).render(
  <StrictMode>
    <SessionProvider session={session}>
      <QueryClientProvider client={queryClient}>
        <BrowserRouter>
          <App />
        </BrowserRouter>
      </QueryClientProvider>
    </SessionProvider>
  </StrictMode>,
)
