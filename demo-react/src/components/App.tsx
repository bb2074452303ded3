import { lazy, Suspense, useEffect } from 'react'
import { useTranslation } from 'react-i18next'
import { Route, Routes, useLocation } from 'react-router'
import { browserLanguage, setLanguage } from '../i18n'
import { AccountPage } from '../pages/AccountPage'
import { FavoritesPage } from '../pages/FavoritesPage'
import { HistoryPage } from '../pages/HistoryPage'
import { ItemPage } from '../pages/ItemPage'
import { ShopPage } from '../pages/ShopPage'
import { showTheme } from '../theme'
import { remember, usePreferences } from '../visitor-data'
import { Header } from './Header'
import { IdentityNotice } from './IdentityNotice'
import { OutageBanner } from './OutageBanner'
import { OverlaysProvider } from './Overlays'
import { SessionPanel } from './SessionPanel'

// Loaded when needed: the lab includes axios, which the shop does not use.
const LabPage = lazy(() => import('../lab/LabPage'))
const TabPage = lazy(() => import('../lab/TabPage'))

export function App() {
  const { pathname } = useLocation()
  useApplyPreferences()
  // One of the five tabs of the lab, which shows its session only.
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
    <OverlaysProvider>
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
    </OverlaysProvider>
  )
}

/** Applies the theme and the language that the visitor has chosen. */
function useApplyPreferences(): void {
  const preferences = usePreferences()
  useEffect(() => {
    remember(preferences)
    showTheme(preferences.theme)
    void setLanguage(preferences.language ?? browserLanguage())
  }, [preferences])
}
