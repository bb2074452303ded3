import { Heart, Plus } from 'lucide-react'
import type { CSSProperties } from 'react'
import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'
import type { Item } from '../api/shop'
import { useCart, useCartSteps } from '../cart'
import { priceOf } from '../format'
import { useCurrency } from '../hooks/useCurrency'
import { useGoods } from '../i18n'
import { useFavoriteToggle } from '../visitor-data'
import { hueOf, Picture } from './Picture'

interface ItemCardProps {
  readonly item: Item
  /** Replaces the description below the name. */
  readonly note?: string
}

export function ItemCard({ item, note }: ItemCardProps) {
  const { nameOf, descriptionOf } = useGoods()
  const currency = useCurrency()
  const { t } = useTranslation()
  const inCart = useCart().quantityOf(item.id)
  return (
    <li className="item" data-testid={`item-${item.id}`}>
      <div className="item-picture" style={{ '--hue': hueOf(item.id) } as CSSProperties}>
        <Picture item={item} />
        {inCart > 0 && <span className="item-in-cart">{t('item.inCart', { count: inCart })}</span>}
      </div>
      <div className="item-words">
        <h3>
          <Link className="item-link" to={`/shop/${encodeURIComponent(item.id)}`} data-testid={`open-${item.id}`}>
            {nameOf(item)}
          </Link>
        </h3>
        <p>{note ?? descriptionOf(item)}</p>
      </div>
      <div className="item-foot">
        <span className="price">{priceOf(item, currency)}</span>
        <AddButton item={item} />
      </div>
      <HeartButton item={item} />
    </li>
  )
}

export function AddButton({ item }: { readonly item: Item }) {
  const { t } = useTranslation()
  const { nameOf } = useGoods()
  const { add } = useCartSteps()
  return (
    <button
      type="button"
      className="button button-primary button-small"
      data-testid={`add-${item.id}`}
      aria-label={t('item.addLabel', { name: nameOf(item) })}
      onClick={() => add(item.id)}
    >
      <Plus className="icon" aria-hidden="true" />
      {t('item.add')}
    </button>
  )
}

export function HeartButton({ item }: { readonly item: Item }) {
  const { t } = useTranslation()
  const { nameOf } = useGoods()
  const { mutate } = useFavoriteToggle()
  return (
    <button
      type="button"
      className="icon-button heart"
      data-testid={`favorite-${item.id}`}
      aria-pressed={item.favorite}
      aria-label={t('item.favorite', { name: nameOf(item) })}
      onClick={() => mutate({ id: item.id, favorite: !item.favorite })}
    >
      <Heart className="icon" aria-hidden="true" />
    </button>
  )
}
