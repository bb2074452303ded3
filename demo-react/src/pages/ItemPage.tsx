import { ArrowLeft, SearchX } from 'lucide-react'
import type { CSSProperties } from 'react'
import { useTranslation } from 'react-i18next'
import { Link, useParams } from 'react-router'
import { pick, useCatalogue } from '../catalogue'
import { EmptyState } from '../components/EmptyState'
import { AddButton, HeartButton } from '../components/ItemCard'
import { ItemNote } from '../components/ItemNote'
import { ItemRow } from '../components/ItemRow'
import { LoadFailure } from '../components/LoadFailure'
import { hueOf, Picture } from '../components/Picture'
import { priceOf } from '../format'
import { useCurrency } from '../hooks/useCurrency'
import { useGoods } from '../i18n'
import { useRecordView } from '../visitor-data'

export function ItemPage() {
  const { t } = useTranslation()
  const { nameOf, descriptionOf, categoryOf } = useGoods()
  const currency = useCurrency()
  const { data, error, refetch } = useCatalogue()
  const { id } = useParams()
  const item = data?.items.find((item) => item.id === id)
  useRecordView(item?.id)

  if (!data) {
    return error ? <LoadFailure error={error} onRetry={() => void refetch()} /> : <div className="bone detail-bone" />
  }
  if (!item) {
    return (
      <EmptyState Icon={SearchX} title={t('item.missing')} hint={t('item.missingHint')}>
        <Link className="button" to="/">
          {t('item.back')}
        </Link>
      </EmptyState>
    )
  }
  const { category } = item
  const alike = category ? data.items.filter((other) => other.category === category && other.id !== item.id) : []
  const recent = pick(data, data.recently_seen).filter((other) => other.id !== item.id)
  return (
    <article className="detail" data-testid="detail">
      <Link className="back" to="/">
        <ArrowLeft className="icon" aria-hidden="true" />
        {t('item.back')}
      </Link>
      <div className="detail-body">
        <div className="item-picture detail-picture" style={{ '--hue': hueOf(item.id) } as CSSProperties}>
          <Picture item={item} />
        </div>
        <div className="detail-words">
          {category && <p className="eyebrow">{categoryOf(category)}</p>}
          <h1>{nameOf(item)}</h1>
          <p className="lead">{descriptionOf(item)}</p>
          <p className="price detail-price">{priceOf(item, currency)}</p>
          <div className="detail-buttons">
            <AddButton item={item} />
            <HeartButton item={item} />
          </div>
          <p className="quiet">{t('item.remembered')}</p>
          <ItemNote key={item.id} item={item} />
        </div>
      </div>
      <div className="rails">
        <ItemRow title={categoryOf(category ?? '')} items={alike.map((item) => ({ item }))} testId="alike" />
        <ItemRow title={t('shop.recent')} items={recent.map((item) => ({ item }))} testId="recent" />
      </div>
    </article>
  )
}
