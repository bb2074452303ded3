import { ArrowLeft, SearchX } from 'lucide-react'
import type { CSSProperties } from 'react'
import { useTranslation } from 'react-i18next'
import { Link, useParams } from 'react-router'
import { pick, useCatalogue } from '../catalogue'
import { EmptyState } from '../components/EmptyState'
import { AddButton, HeartButton } from '../components/ItemCard'
import { ItemRow } from '../components/ItemRow'
import { LoadFailure } from '../components/LoadFailure'
import { price } from '../format'
import { useCurrency } from '../hooks/useCurrency'
import { useGoods } from '../i18n'
import { hueOf, Picture } from '../pictures/Picture'
import { useRecordView } from '../visitor-data'

export function ItemPage() {
  const { t } = useTranslation()
  const { nameOf, descriptionOf, categoryOf } = useGoods()
  const currency = useCurrency()
  const { data, error, refetch } = useCatalogue()
  const id = Number(useParams().id)
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
  const alike = data.items.filter((other) => other.category === item.category && other.id !== item.id)
  const recent = pick(data, data.recently_seen).filter((other) => other.id !== item.id)
  return (
    <article className="detail" data-testid="detail">
      <Link className="back" to="/">
        <ArrowLeft className="icon" aria-hidden="true" />
        {t('item.back')}
      </Link>
      <div className="detail-body">
        <div className="item-picture detail-picture" style={{ '--hue': hueOf(item.id) } as CSSProperties}>
          <Picture id={item.id} />
        </div>
        <div className="detail-words">
          <p className="eyebrow">{categoryOf(item.category)}</p>
          <h1>{nameOf(item)}</h1>
          <p className="lead">{descriptionOf(item)}</p>
          <p className="price detail-price">{price(item.price_cents, currency)}</p>
          <div className="detail-buttons">
            <AddButton item={item} />
            <HeartButton item={item} />
          </div>
          <p className="quiet">{t('item.remembered')}</p>
        </div>
      </div>
      <div className="rails">
        <ItemRow title={categoryOf(item.category)} items={alike.map((item) => ({ item }))} testId="alike" />
        <ItemRow title={t('shop.recent')} items={recent.map((item) => ({ item }))} testId="recent" />
      </div>
    </article>
  )
}
