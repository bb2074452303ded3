import { useTranslation } from 'react-i18next'

/** Labels of the server that are no names of a product. */
const KINDS = ['other', 'app', 'bot', 'WebView'] as const

/** Returns a function that names a device in the visitor's language, by the label of its session. */
export function useDeviceName(): (label: string | null) => string {
  const { t } = useTranslation()
  return (label) => {
    const [client = 'other', system] = (label ?? 'other').split(' on ')
    const kind = KINDS.find((kind) => kind === client)
    const name = kind ? t(`devices.kinds.${kind}`) : client
    return system === undefined ? name : t('devices.name', { client: name, system })
  }
}
