import { useTranslation } from 'react-i18next'
import { refusalCode } from '../membership'

const TOLD = [
  'invalid_credentials',
  'email_taken',
  'already_member',
  'password_too_short',
  'password_too_common',
  'invalid_email',
  'invalid_passkey',
  'challenge_expired',
  'cancelled',
  'unreachable',
] as const

/** Why somebody did not become a member, for them. */
export function useMembershipError(): (error: Error) => string {
  const { t } = useTranslation()
  return (error) => {
    const code = refusalCode(error)
    const told = TOLD.find((known) => known === code)
    return told ? t(`membership.errors.${told}`) : t('membership.errors.other', { detail: error.message })
  }
}
