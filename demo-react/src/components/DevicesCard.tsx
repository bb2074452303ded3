import type { SessionInfo } from 'guestpass'
import { useSession, useSessions } from 'guestpass/react'
import { LogOut, Monitor, Smartphone, Terminal } from 'lucide-react'
import { AlertDialog } from 'radix-ui'
import { type ReactNode, useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { failureOf } from '../failure'
import { dateOf } from '../format'
import { useDeviceName } from '../hooks/useDeviceName'

/** The devices on which the visitor is signed in. */
export function DevicesCard() {
  const { t } = useTranslation()
  const { kind } = useSession()
  const { list, error, reload, end, endOthers } = useSessions()
  const nameOf = useDeviceName()
  const [failed, setFailed] = useState<unknown>()

  // The visitor may have used another device meanwhile.
  useEffect(() => {
    const read = () => void reload()
    addEventListener('focus', read)
    return () => removeEventListener('focus', read)
  }, [reload])

  if (!list && !error) return null
  const failure = failureOf(failed ?? error)
  const consequence = kind === 'user' ? t('devices.endHint') : t('devices.endGuestHint')

  function attempt(ending: Promise<void>): void {
    setFailed(undefined)
    ending.catch(setFailed)
  }

  return (
    <section className="panel" aria-labelledby="devices" data-testid="devices">
      <h2 id="devices">{t('devices.heading')}</h2>
      <p className="quiet">{kind === 'user' ? t('devices.hint') : t('devices.guestHint')}</p>
      <ul className="devices">
        {list?.map((device) => (
          <Device key={device.id} device={device}>
            {!device.current && (
              <Confirmed
                question={t('devices.endTitle', { name: nameOf(device.label) })}
                hint={consequence}
                answer={t('devices.endConfirm')}
                onConfirm={() => attempt(end(device.id))}
              >
                <AlertDialog.Trigger
                  className="icon-button"
                  data-testid="end-device"
                  aria-label={t('devices.end', { name: nameOf(device.label) })}
                >
                  <LogOut className="icon" aria-hidden="true" />
                </AlertDialog.Trigger>
              </Confirmed>
            )}
          </Device>
        ))}
      </ul>
      {list && list.length > 1 && (
        <div className="buttons">
          <Confirmed
            question={t('devices.endOthersTitle')}
            hint={consequence}
            answer={t('devices.endOthersConfirm')}
            onConfirm={() => attempt(endOthers())}
          >
            <AlertDialog.Trigger className="button button-danger" data-testid="end-others">
              <LogOut className="icon" aria-hidden="true" />
              {t('devices.endOthers')}
            </AlertDialog.Trigger>
          </Confirmed>
        </div>
      )}
      <p role="status" className="quiet" data-testid="devices-status">
        {failure?.kind === 'unreachable' && t('outage.reasons.network')}
        {failure?.kind === 'refused' && failure.message}
      </p>
    </section>
  )
}

function Device({ device, children }: { readonly device: SessionInfo; readonly children: ReactNode }) {
  const { t } = useTranslation()
  const nameOf = useDeviceName()
  const { label, current, created_at, last_refreshed_at } = device
  const Icon = iconOf(label)
  return (
    <li className="device" data-testid="device">
      <Icon className="icon" aria-hidden="true" />
      <div>
        <p className="device-name">
          {nameOf(label)}
          {current && <span className="badge">{t('devices.current')}</span>}
        </p>
        <p className="quiet">{t('devices.since', { date: dateOf(created_at) })}</p>
        {!current && last_refreshed_at && (
          <p className="quiet">{t('devices.used', { date: dateOf(last_refreshed_at) })}</p>
        )}
      </div>
      {children}
    </li>
  )
}

function iconOf(label: string | null) {
  if (/Android|iOS/.test(label ?? '')) return Smartphone
  return / on /.test(label ?? '') ? Monitor : Terminal
}

interface ConfirmedProps {
  readonly question: string
  readonly hint: string
  readonly answer: string
  readonly onConfirm: () => void
  /** The button that asks. */
  readonly children: ReactNode
}

/** A button whose effect the visitor confirms. */
function Confirmed({ question, hint, answer, onConfirm, children }: ConfirmedProps) {
  const { t } = useTranslation()
  return (
    <AlertDialog.Root>
      {children}
      <AlertDialog.Portal>
        <AlertDialog.Overlay className="overlay" />
        <AlertDialog.Content className="dialog">
          <AlertDialog.Title>{question}</AlertDialog.Title>
          <AlertDialog.Description className="quiet">{hint}</AlertDialog.Description>
          <div className="buttons">
            <AlertDialog.Cancel className="button">{t('account.cancel')}</AlertDialog.Cancel>
            <AlertDialog.Action className="button button-danger" data-testid="end-confirm" onClick={onConfirm}>
              {answer}
            </AlertDialog.Action>
          </div>
        </AlertDialog.Content>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  )
}
