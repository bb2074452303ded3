import i18next from 'i18next'
import { initReactI18next, useTranslation } from 'react-i18next'
import type { Item } from '../api/shop'
import { en } from './en'

export type Language = 'en' | 'zh'

declare module 'i18next' {
  interface CustomTypeOptions {
    defaultNS: 'translation'
    resources: { translation: typeof en }
  }
}

/** Initialises the texts and sets the language. English is built in; other languages are loaded when they are set. */
export async function startLanguage(language: Language): Promise<void> {
  await i18next.use(initReactI18next).init({
    lng: 'en',
    fallbackLng: 'en',
    resources: { en: { translation: en } },
    interpolation: { escapeValue: false },
  })
  await setLanguage(language)
}

export async function setLanguage(language: Language): Promise<void> {
  if (language === 'zh' && !i18next.hasResourceBundle('zh', 'translation')) {
    const { zh } = await import('./zh')
    i18next.addResourceBundle('zh', 'translation', zh)
  }
  await i18next.changeLanguage(language)
  document.documentElement.lang = language === 'zh' ? 'zh-Hans' : 'en'
  document.title = i18next.t('title')
}

export function browserLanguage(): Language {
  return navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en'
}

/**
 * The name, description and category of an item in the visitor's language, or else as the catalogue has them. The texts know
 * an item by its name in the catalogue, so that they say nothing about the items of another catalogue.
 */
export function useGoods() {
  const { t } = useTranslation()
  const goods = t('goods', { returnObjects: true }) as typeof en.goods
  const categories = t('categories', { returnObjects: true }) as typeof en.categories
  return {
    nameOf: (item: Pick<Item, 'name'>) => goods[item.name]?.name ?? item.name,
    descriptionOf: (item: Item) => goods[item.name]?.description ?? item.description ?? '',
    categoryOf: (category: string) => categories[category] ?? category,
  }
}
