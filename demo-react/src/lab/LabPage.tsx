import { useLayoutEffect } from 'react'
import { useTranslation } from 'react-i18next'
import { FaultConsole } from './FaultConsole'
import { FiveTabs } from './FiveTabs'
import { Lanes } from './Lanes'
import { openLab, useLab } from './lab'
import { Race } from './Race'
import './lab.css'

export default function LabPage() {
  const { t } = useTranslation()
  const { isDemo } = useLab()
  // Before the page is drawn: its buttons are not to be pressed until both shops have opened.
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
          <Race />
          <FaultConsole />
          <FiveTabs />
        </>
      )}
      <Lanes />
    </div>
  )
}
