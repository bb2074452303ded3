import { Heart } from 'lucide-react'
import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'
import { pick, useCatalogue } from '../catalogue'
import { EmptyState } from '../components/EmptyState'
import { ItemCard } from '../components/ItemCard'
import { LoadFailure } from '../components/LoadFailure'
import { useFavorites } from '../visitor-data'

export function FavoritesPage() {
  const { t } = useTranslation()
  const catalogue = useCatalogue()
  const { data, error, refetch, hasNextPage, fetchNextPage } = useFavorites()
  const ids = data?.pages.flatMap((page) => page.entries.map(({ key }) => key))
  // An item disappears from the list as soon as its heart is cleared.
  const items = catalogue.data && ids && pick(catalogue.data, ids).filter((item) => item.favorite)
  return (
    <>
      <h1>{t('favorites.heading')}</h1>
      {items?.length === 0 && (
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
