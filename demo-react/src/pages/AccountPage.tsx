import { useMutation } from '@tanstack/react-query'
import { useSession } from 'guestpass/react'
import { Download, KeyRound, LogIn, LogOut, Trash2, UserPlus } from 'lucide-react'
import { AlertDialog } from 'radix-ui'
import { useTranslation } from 'react-i18next'
import { exportData } from '../api/account'
import { DevicesCard } from '../components/DevicesCard'
import { useOverlays } from '../components/Overlays'
import { SegmentedControl } from '../components/SegmentedControl'
import { VisitorId } from '../components/VisitorId'
import { dateOf } from '../format'
import { erase, signOut } from '../membership'
import { useChangePreferences, useMe, usePreferences } from '../visitor-data'

export function AccountPage() {
  const { t } = useTranslation()
  return (
    <>
      <h1>{t('account.heading')}</h1>
      <div className="cards">
        <Profile />
        <PreferencesCard />
        <DataCard />
        <DevicesCard />
      </div>
    </>
  )
}

function Profile() {
  const { t } = useTranslation()
  const { id, kind } = useSession()
  const { data: me } = useMe()
  const { showMembership } = useOverlays()
  const member = kind === 'user'
  return (
    <section className="panel" aria-labelledby="who" data-testid="who" data-kind={kind}>
      <h2 id="who">{member ? t('account.member') : t('account.guest')}</h2>
      <VisitorId id={id} />
      {member && me?.email && <p className="lead">{me.email}</p>}
      <p className="quiet">{member ? t('account.memberHint') : t('account.guestHint')}</p>
      {member && me?.registered_at && (
        <p className="quiet">
          {t('account.memberSince', { date: dateOf(me.registered_at) })} ·{' '}
          <KeyRound className="icon" aria-hidden="true" /> {t('account.passkeys', { count: me.passkeys })}
        </p>
      )}
      <div className="buttons">
        {!member && (
          <>
            <button
              type="button"
              className="button button-primary"
              data-testid="sign-up"
              onClick={() => showMembership('signUp')}
            >
              <UserPlus className="icon" aria-hidden="true" />
              {t('account.signUp')}
            </button>
            <button type="button" className="button" data-testid="log-in" onClick={() => showMembership('logIn')}>
              <LogIn className="icon" aria-hidden="true" />
              {t('account.logIn')}
            </button>
          </>
        )}
        {member && (
          <button type="button" className="button" data-testid="leave" onClick={() => void signOut()}>
            <LogOut className="icon" aria-hidden="true" />
            {t('account.signOut')}
          </button>
        )}
      </div>
    </section>
  )
}

function PreferencesCard() {
  const { t } = useTranslation()
  const { language, theme, currency } = usePreferences()
  const { mutate: change } = useChangePreferences()
  return (
    <section className="panel" aria-labelledby="preferences">
      <h2 id="preferences">{t('account.preferences')}</h2>
      <SegmentedControl
        label={t('account.language')}
        value={language ?? ''}
        options={{ '': t('account.system'), en: 'English', zh: '中文' }}
        onChange={(value) => change({ language: value === '' ? null : value })}
      />
      <SegmentedControl
        label={t('account.theme')}
        value={theme ?? ''}
        options={{ '': t('account.system'), light: t('account.light'), dark: t('account.dark') }}
        onChange={(value) => change({ theme: value === '' ? null : value })}
      />
      <SegmentedControl
        label={t('account.currency')}
        value={currency ?? 'EUR'}
        options={{ EUR: '€ EUR', USD: '$ USD', CNY: '¥ CNY' }}
        onChange={(currency) => change({ currency })}
      />
    </section>
  )
}

function DataCard() {
  const { t } = useTranslation()
  const download = useMutation({ mutationFn: exportData, onSuccess: save })
  const erasure = useMutation({ mutationFn: erase })
  return (
    <section className="panel" aria-labelledby="data">
      <h2 id="data">{t('account.data')}</h2>
      <p className="quiet">{t('account.dataHint')}</p>
      <div className="buttons">
        <button
          type="button"
          className="button"
          data-testid="export"
          disabled={download.isPending}
          onClick={() => download.mutate()}
        >
          <Download className="icon" aria-hidden="true" />
          {download.isPending ? t('account.exporting') : t('account.export')}
        </button>
        <AlertDialog.Root>
          <AlertDialog.Trigger className="button button-danger" data-testid="erase">
            <Trash2 className="icon" aria-hidden="true" />
            {t('account.erase')}
          </AlertDialog.Trigger>
          <AlertDialog.Portal>
            <AlertDialog.Overlay className="overlay" />
            <AlertDialog.Content className="dialog">
              <AlertDialog.Title>{t('account.eraseTitle')}</AlertDialog.Title>
              <AlertDialog.Description className="quiet">{t('account.eraseHint')}</AlertDialog.Description>
              <div className="buttons">
                <AlertDialog.Cancel className="button">{t('account.cancel')}</AlertDialog.Cancel>
                <AlertDialog.Action
                  className="button button-danger"
                  data-testid="erase-confirm"
                  onClick={() => erasure.mutate()}
                >
                  {t('account.eraseConfirm')}
                </AlertDialog.Action>
              </div>
            </AlertDialog.Content>
          </AlertDialog.Portal>
        </AlertDialog.Root>
      </div>
      <p role="status" className="quiet" data-testid="data-status">
        {erasure.isSuccess && t('account.erased')}
        {(erasure.error ?? download.error) && t('outage.reasons.network')}
      </p>
    </section>
  )
}

/** Downloads a file. */
function save(file: Blob): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(file)
  link.download = 'guestpass-export.json'
  link.click()
  URL.revokeObjectURL(link.href)
}
