import { ExternalLink } from 'lucide-react'
import { useTranslation } from 'react-i18next'
import { TABS } from './five-tabs'
import { useLab } from './lab'

/** Five tabs as frames of the page, so that the visitor sees all of them at once. */
export function FiveTabs() {
  const { t } = useTranslation()
  const { tabsOpened } = useLab()
  if (tabsOpened === 0) return null
  return (
    <section aria-labelledby="five-tabs">
      <h2 id="five-tabs">{t('lab.tabsTitle')}</h2>
      <p className="quiet">
        {t('lab.tabsHint')}{' '}
        <a href="/" target="_blank" rel="noreferrer">
          {t('lab.tabsLink')} <ExternalLink className="icon" aria-hidden="true" />
        </a>
      </p>
      <div className="frames">
        {Array.from({ length: TABS }, (_, index) => `${tabsOpened}.${index + 1}`).map((key) => (
          <iframe key={key} title={`${t('tab.heading')} ${key}`} src={`/lab/tab?${key}`} />
        ))}
      </div>
    </section>
  )
}
