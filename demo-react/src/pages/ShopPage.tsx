import { FlaskConical, PackageOpen, SearchX } from 'lucide-react'
import { ToggleGroup } from 'radix-ui'
import { useTranslation } from 'react-i18next'
import { Link, useSearchParams } from 'react-router'
import type { Catalogue, Item } from '../api/shop'
import { pick, search, useCatalogue } from '../catalogue'
import { EmptyState } from '../components/EmptyState'
import { ItemCard } from '../components/ItemCard'
import { ItemRow } from '../components/ItemRow'
import { LoadFailure } from '../components/LoadFailure'
import { useGoods } from '../i18n'

const PLACEHOLDERS = Array.from({ length: 12 }, (_, index) => `placeholder-${index}`)

export function ShopPage() {
  const { t } = useTranslation()
  const { data, error, refetch } = useCatalogue()
  const [params] = useSearchParams()
  const words = params.get('q') ?? ''
  return (
    <>
      {words === '' && (
        <div className="intro">
          <h1>{t('shop.heading')}</h1>
          <p>{t('shop.intro')}</p>
          <Link className="button button-primary" to="/lab">
            <FlaskConical className="icon" aria-hidden="true" />
            {t('shop.toLab')}
          </Link>
        </div>
      )}
      {words === '' && data && <Personal catalogue={data} />}
      {data ? (
        <Goods catalogue={data} words={words} />
      ) : error ? (
        <LoadFailure error={error} onRetry={() => void refetch()} />
      ) : (
        <ul className="grid" aria-busy="true">
          {PLACEHOLDERS.map((key) => (
            <Placeholder key={key} />
          ))}
        </ul>
      )}
    </>
  )
}

/** Recommended and recently viewed items. Empty at the first visit. */
function Personal({ catalogue }: { readonly catalogue: Catalogue }) {
  const { t } = useTranslation()
  const { nameOf } = useGoods()
  const recommended = catalogue.recommended.flatMap(({ item_id, because }) => {
    const [item] = pick(catalogue, [item_id])
    const [cause] = pick(catalogue, [because])
    return item ? [{ item, ...(cause ? { note: t('shop.because', { name: nameOf(cause) }) } : {}) }] : []
  })
  const recent = pick(catalogue, catalogue.recently_seen).map((item) => ({ item }))
  if (recent.length === 0 && recommended.length === 0) return null
  return (
    <div className="rails">
      <ItemRow title={t('shop.recommended')} items={recommended} testId="recommended" />
      <ItemRow title={t('shop.recent')} items={recent} testId="recent" />
    </div>
  )
}

function Goods({ catalogue, words }: { readonly catalogue: Catalogue; readonly words: string }) {
  const { t } = useTranslation()
  const { nameOf, descriptionOf, categoryOf } = useGoods()
  const [params, setParams] = useSearchParams()
  const category = params.get('in') ?? ''
  const categories = [...new Set(catalogue.items.flatMap((item) => item.category || []))]
  const textOf = (item: Item) =>
    [
      nameOf(item),
      item.name,
      descriptionOf(item),
      item.description,
      categoryOf(item.category ?? ''),
      item.category,
    ].join(' ')
  const inCategory = catalogue.items.filter((item) => category === '' || item.category === category)
  const found = search(inCategory, words, textOf)

  function choose(next: string) {
    const changed = new URLSearchParams(params)
    if (next === '') changed.delete('in')
    else changed.set('in', next)
    setParams(changed, { replace: true })
  }

  if (catalogue.items.length === 0) {
    return <EmptyState Icon={PackageOpen} title={t('shop.nothing')} hint="" />
  }
  return (
    <section aria-labelledby="items-heading">
      <div className="goods-head">
        <h2 id="items-heading">{words === '' ? t('shop.items') : `“${words}”`}</h2>
        <ToggleGroup.Root
          type="single"
          className="chips"
          // Radix takes an empty value for no choice, so every value gets a prefix.
          value={`=${category}`}
          onValueChange={(next) => choose(next.slice(1))}
          aria-label={t('shop.items')}
        >
          <ToggleGroup.Item className="chip" value="=">
            {t('shop.all')}
          </ToggleGroup.Item>
          {categories.map((name) => (
            <ToggleGroup.Item key={name} className="chip" value={`=${name}`} data-testid={`category-${name}`}>
              {categoryOf(name)}
            </ToggleGroup.Item>
          ))}
        </ToggleGroup.Root>
      </div>
      <p className="visually-hidden" role="status">
        {words !== '' && t('shop.found', { count: found.length })}
      </p>
      {found.length === 0 ? (
        <EmptyState
          Icon={SearchX}
          title={t('shop.nothingFound', { words })}
          hint={t('shop.nothingFoundHint')}
          testId="nothing-found"
        >
          <Link className="button" to="/">
            {t('shop.showAll')}
          </Link>
        </EmptyState>
      ) : (
        <ul className="grid">
          {found.map((item) => (
            <ItemCard key={item.id} item={item} />
          ))}
        </ul>
      )}
    </section>
  )
}

function Placeholder() {
  return (
    <li className="item item-placeholder" aria-hidden="true">
      <div className="item-picture" />
      <div className="bone bone-title" />
      <div className="bone" />
      <div className="bone bone-short" />
      <div className="bone bone-button" />
    </li>
  )
}
