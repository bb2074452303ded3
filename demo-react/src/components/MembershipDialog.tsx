import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Fingerprint, X } from 'lucide-react'
import { Dialog } from 'radix-ui'
import { type FormEvent, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useMembershipError } from '../hooks/useMembershipError'
import { useReturnFocus } from '../hooks/useReturnFocus'
import {
  hasPasskeys,
  logInWithPasskey,
  logInWithPassword,
  type Membership,
  registerWithPasskey,
  registerWithPassword,
} from '../membership'

interface MembershipDialogProps {
  /** Null when the dialog is closed. */
  readonly how: 'signUp' | 'logIn' | null
  readonly onChange: (how: 'signUp' | 'logIn' | null) => void
}

/** The dialog for sign-up and log-in, by passkey or password. A failure is shown and leaves the visitor unchanged. */
export function MembershipDialog({ how, onChange }: MembershipDialogProps) {
  const { t } = useTranslation()
  const returnFocus = useReturnFocus()
  return (
    <Dialog.Root open={how !== null} onOpenChange={(open) => !open && onChange(null)}>
      <Dialog.Portal>
        <Dialog.Overlay className="overlay" />
        <Dialog.Content className="dialog" data-testid="membership" {...returnFocus}>
          <Dialog.Title>{t(how === 'logIn' ? 'membership.logInTitle' : 'membership.signUpTitle')}</Dialog.Title>
          <Dialog.Description className="quiet">
            {t(how === 'logIn' ? 'membership.logInHint' : 'membership.signUpHint')}
          </Dialog.Description>
          {how !== null && <MembershipForm key={how} how={how} onChange={onChange} />}
          {/* Last, so that the first field gets the keyboard focus. */}
          <Dialog.Close className="icon-button drawer-close" aria-label={t('membership.close')}>
            <X className="icon" aria-hidden="true" />
          </Dialog.Close>
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  )
}

interface MembershipFormProps extends MembershipDialogProps {
  readonly how: 'signUp' | 'logIn'
}

function MembershipForm({ how, onChange }: MembershipFormProps) {
  const { t } = useTranslation()
  const client = useQueryClient()
  const explain = useMembershipError()
  const [email, setEmail] = useState('')
  const [password, setPassword] = useState('')
  const signUp = how === 'signUp'

  const membership = useMutation({
    mutationFn: (method: 'passkey' | 'password'): Promise<Membership> => {
      if (method === 'passkey') return signUp ? registerWithPasskey(email || undefined) : logInWithPasskey()
      return signUp ? registerWithPassword({ email, password }) : logInWithPassword({ email, password })
    },
    // After a log-in, the account has the data of the guest too.
    onSuccess: () => client.invalidateQueries(),
  })

  function submit(event: FormEvent) {
    event.preventDefault()
    membership.mutate('password')
  }

  if (membership.data) {
    const { outcome, merged } = membership.data
    const done = outcome === 'registered' ? 'registered' : merged ? 'merged' : 'loggedIn'
    return (
      <div className="membership-done" role="status" data-testid="membership-done">
        <p className="lead">{t(`membership.${done}`)}</p>
        <button type="button" className="button button-primary" onClick={() => onChange(null)}>
          {t('membership.close')}
        </button>
      </div>
    )
  }

  return (
    <form className="membership" onSubmit={submit}>
      <label className="field">
        <span>{t('membership.email')}</span>
        <input
          type="email"
          required
          autoComplete="username"
          data-testid="email"
          value={email}
          onChange={(event) => setEmail(event.target.value)}
        />
      </label>
      <label className="field">
        <span>{t('membership.password')}</span>
        <input
          type="password"
          required
          autoComplete={signUp ? 'new-password' : 'current-password'}
          aria-describedby={signUp ? 'password-hint' : undefined}
          data-testid="password"
          value={password}
          onChange={(event) => setPassword(event.target.value)}
        />
        {signUp && (
          <span id="password-hint" className="quiet">
            {t('membership.passwordHint')}
          </span>
        )}
      </label>
      <p role="alert" className="field-error" data-testid="membership-error">
        {membership.error && explain(membership.error)}
      </p>
      <button
        type="submit"
        className="button button-primary button-wide"
        data-testid="submit"
        disabled={membership.isPending}
      >
        {membership.isPending ? t('membership.working') : t(signUp ? 'account.signUp' : 'account.logIn')}
      </button>
      <button
        type="button"
        className="button button-wide"
        data-testid="passkey"
        disabled={membership.isPending || !hasPasskeys}
        onClick={() => membership.mutate('passkey')}
      >
        <Fingerprint className="icon" aria-hidden="true" />
        {t('membership.withPasskey')}
      </button>
      {!hasPasskeys && <p className="quiet">{t('membership.noPasskeys')}</p>}
      <button
        type="button"
        className="link-button"
        data-testid="other-way"
        onClick={() => onChange(signUp ? 'logIn' : 'signUp')}
      >
        {t(signUp ? 'membership.toLogIn' : 'membership.toSignUp')}
      </button>
    </form>
  )
}
