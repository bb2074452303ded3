import { lazy, Suspense, useEffect } from 'react'
import { useTranslation } from 'react-i18next'
import { Route, Routes, useLocation } from 'react-router'
import { browserLanguage, speak } from '../i18n'
import { AccountPage } from '../pages/AccountPage'
import { FavoritesPage } from '../pages/FavoritesPage'
import { HistoryPage } from '../pages/HistoryPage'
import { ItemPage } from '../pages/ItemPage'
import { ShopPage } from '../pages/ShopPage'
import { remember, usePreferences } from '../personal'
import { showTheme } from '../theme'
import { Header } from './Header'
import { IdentityNotice } from './IdentityNotice'
import { OutageBanner } from './OutageBanner'
import { SessionPanel } from './SessionPanel'
import { ShopUiProvider } from './ShopUi'

// The lab brings a second HTTP client along: only for those who go there.
const LabPage = lazy(() => import('../lab/LabPage'))
const TabPage = lazy(() => import('../lab/TabPage'))

export function App() {
  const { pathname } = useLocation()
  useChosen()
  // One of the five tabs of the lab: it shows its session, and no shop.
  if (pathname === '/lab/tab') {
    return (
      <Suspense>
        <TabPage />
      </Suspense>
    )
  }
  return <Site />
}

function Site() {
  const { t } = useTranslation()
  return (
    <ShopUiProvider>
      <a className="skip" href="#content">
        {t('skip')}
      </a>
      <div className="page">
        <div className="shop">
          <div className="shop-top">
            <Header />
            <OutageBanner />
          </div>
          <main id="content" className="shop-main" tabIndex={-1}>
            <Routes>
              <Route path="/shop/:id" element={<ItemPage />} />
              <Route path="/favorites" element={<FavoritesPage />} />
              <Route path="/history" element={<HistoryPage />} />
              <Route path="/account" element={<AccountPage />} />
              <Route
                path="/lab"
                element={
                  <Suspense fallback={<div className="lab-loading" aria-hidden="true" />}>
                    <LabPage />
                  </Suspense>
                }
              />
              <Route path="*" element={<ShopPage />} />
            </Routes>
          </main>
        </div>
        <SessionPanel />
        <IdentityNotice />
      </div>
    </ShopUiProvider>
  )
}

/** Shows the page as the visitor has chosen it. */
function useChosen(): void {
  const preferences = usePreferences()
  useEffect(() => {
    remember(preferences)
    showTheme(preferences.theme)
    void speak(preferences.language ?? browserLanguage())
  }, [preferences])
}
