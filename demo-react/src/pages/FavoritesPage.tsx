import { Heart, X } from 'lucide-react'
import type { CSSProperties } from 'react'
import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'
import { pick, useCatalogue } from '../catalogue'
import { EmptyState } from '../components/EmptyState'
import { ItemCard } from '../components/ItemCard'
import { LoadFailure } from '../components/LoadFailure'
import { hueOf, Picture } from '../components/Picture'
import { useFavorites, useFavoriteToggle } from '../visitor-data'

export function FavoritesPage() {
  const { t } = useTranslation()
  const catalogue = useCatalogue()
  const { data, error, refetch, hasNextPage, fetchNextPage } = useFavorites()
  const { mutate: change } = useFavoriteToggle()
  const ids = data?.pages.flatMap((page) => page.entries.map(({ key }) => key))
  // An item disappears from the list as soon as its heart is cleared.
  const items = catalogue.data && ids && pick(catalogue.data, ids).filter((item) => item.favorite)
  const gone = (catalogue.data && ids?.filter((id) => pick(catalogue.data, [id]).length === 0)) ?? []
  return (
    <>
      <h1>{t('favorites.heading')}</h1>
      {items?.length === 0 && gone.length === 0 && (
        <EmptyState Icon={Heart} title={t('favorites.empty')} hint={t('favorites.emptyHint')}>
          <Link className="button" to="/">
            {t('item.back')}
          </Link>
        </EmptyState>
      )}
      {items && items.length > 0 && (
        <ul className="grid" data-testid="favorites">
          {items.map((item) => (
            <ItemCard key={item.id} item={item} />
          ))}
        </ul>
      )}
      {gone.length > 0 && (
        <ul data-testid="favorites-gone">
          {gone.map((id) => (
            <GoneItem key={id} id={id} onRemove={() => change({ id, favorite: false })} />
          ))}
        </ul>
      )}
      {!items &&
        (error ? <LoadFailure error={error} onRetry={() => void refetch()} /> : <div className="bone detail-bone" />)}
      {hasNextPage && (
        <button type="button" className="button more" onClick={() => void fetchNextPage()}>
          {t('favorites.more')}
        </button>
      )}
    </>
  )
}

/** A favourite that the shop no longer sells. */
function GoneItem({ id, onRemove }: { readonly id: string; readonly onRemove: () => void }) {
  const { t } = useTranslation()
  return (
    <li className="seen-row">
      <span className="cart-picture" style={{ '--hue': hueOf(id) } as CSSProperties}>
        <Picture item={null} />
      </span>
      <span className="seen-name">
        {id} <span className="quiet">{t('item.gone')}</span>
      </span>
      <button
        type="button"
        className="icon-button"
        data-testid={`favorite-remove-${id}`}
        aria-label={t('favorites.remove', { name: id })}
        onClick={onRemove}
      >
        <X className="icon" aria-hidden="true" />
      </button>
    </li>
  )
}
