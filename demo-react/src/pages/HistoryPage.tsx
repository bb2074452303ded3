import { History, X } from 'lucide-react'
import type { CSSProperties } from 'react'
import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'
import { pick, useCatalogue } from '../catalogue'
import { EmptyState } from '../components/EmptyState'
import { LoadFailure } from '../components/LoadFailure'
import { hueOf, Picture } from '../components/Picture'
import { dateOf } from '../format'
import { useGoods } from '../i18n'
import { useDeleteViews, useHistory } from '../visitor-data'

export function HistoryPage() {
  const { t } = useTranslation()
  const { nameOf } = useGoods()
  const catalogue = useCatalogue().data
  const { data, error, refetch, hasNextPage, fetchNextPage } = useHistory()
  const { mutate: forget } = useDeleteViews()
  const seen = data?.pages.flatMap((page) => page.entries)
  return (
    <>
      <div className="page-head">
        <h1>{t('history.heading')}</h1>
        {seen && seen.length > 0 && (
          <button type="button" className="button" data-testid="forget-all" onClick={() => forget({})}>
            {t('history.forgetAll')}
          </button>
        )}
      </div>
      {seen?.length === 0 && (
        <EmptyState Icon={History} title={t('history.empty')} hint={t('history.emptyHint')}>
          <Link className="button" to="/">
            {t('item.back')}
          </Link>
        </EmptyState>
      )}
      {catalogue && seen && seen.length > 0 && (
        <ol className="seen" data-testid="history">
          {seen.map(({ key: id, updated_at: viewedAt }) => {
            const item = pick(catalogue, [id])[0] ?? null
            const name = item ? nameOf(item) : id
            return (
              <li key={id} className="seen-row">
                <span className="cart-picture" style={{ '--hue': hueOf(id) } as CSSProperties}>
                  <Picture item={item} />
                </span>
                <span>
                  {item ? (
                    <Link to={`/shop/${encodeURIComponent(id)}`} className="seen-name">
                      {name}
                    </Link>
                  ) : (
                    <span className="seen-name">
                      {name} <span className="quiet">{t('item.gone')}</span>
                    </span>
                  )}
                  <time className="quiet" dateTime={viewedAt}>
                    {dateOf(viewedAt)}
                  </time>
                </span>
                <button
                  type="button"
                  className="icon-button"
                  aria-label={t('history.forget', { name })}
                  onClick={() => forget({ id })}
                >
                  <X className="icon" aria-hidden="true" />
                </button>
              </li>
            )
          })}
        </ol>
      )}
      {!seen &&
        (error ? <LoadFailure error={error} onRetry={() => void refetch()} /> : <div className="bone detail-bone" />)}
      {hasNextPage && (
        <button type="button" className="button more" onClick={() => void fetchNextPage()}>
          {t('history.more')}
        </button>
      )}
    </>
  )
}
