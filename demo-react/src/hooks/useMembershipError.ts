import { useTranslation } from 'react-i18next'
import { refusalCode } from '../membership'

const KNOWN = [
  'invalid_credentials',
  'email_taken',
  'already_member',
  'password_too_short',
  'password_too_common',
  'password_not_allowed',
  'invalid_email',
  'invalid_passkey',
  'challenge_expired',
  'cancelled',
  'unreachable',
] as const

/** Returns a function that explains to the visitor why a registration or log-in failed. */
export function useMembershipError(): (error: Error) => string {
  const { t } = useTranslation()
  return (error) => {
    const code = refusalCode(error)
    const reason = KNOWN.find((known) => known === code)
    return reason ? t(`membership.errors.${reason}`) : t('membership.errors.other', { detail: error.message })
  }
}
