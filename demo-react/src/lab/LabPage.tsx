import { useLayoutEffect } from 'react'
import { useTranslation } from 'react-i18next'
import { CartMerge } from './CartMerge'
import { FaultConsole } from './FaultConsole'
import { FiveTabs } from './FiveTabs'
import { openLab, useLab } from './lab'
import { ShopComparison } from './ShopComparison'
import { TabTimeline } from './TabTimeline'
import './lab.css'

export default function LabPage() {
  const { t } = useTranslation()
  const { isDemo } = useLab()
  // A layout effect runs before the page is painted, so the buttons are disabled until both shops are loaded.
  useLayoutEffect(() => {
    void openLab()
  }, [])
  return (
    <div className="lab" data-testid="lab">
      <div className="intro">
        <h1>{t('lab.heading')}</h1>
        <p>{t('lab.intro')}</p>
      </div>
      {isDemo === false ? (
        <p className="lab-note" role="alert">
          {t('lab.needsDemo')}
        </p>
      ) : (
        <>
          <ShopComparison />
          <FaultConsole />
          <FiveTabs />
          <CartMerge />
        </>
      )}
      <TabTimeline />
    </div>
  )
}
