import { Search, X } from 'lucide-react'
import { useEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useLocation, useNavigate, useSearchParams } from 'react-router'

/** The search field. The words are in the URL, so that a search can be bookmarked, shared and undone with Back. */
export function SearchField() {
  const { t } = useTranslation()
  const [params] = useSearchParams()
  const { pathname } = useLocation()
  const navigate = useNavigate()
  const field = useRef<HTMLInputElement>(null)
  const words = params.get('q') ?? ''
  const [typed, setTyped] = useState(words)

  // While the visitor types, the URL follows the field. Otherwise the field follows the URL.
  useEffect(() => {
    if (document.activeElement !== field.current) setTyped(words)
  }, [words])

  function search(next: string) {
    setTyped(next)
    const query = next === '' ? '' : `?${new URLSearchParams({ q: next })}`
    // Further letters replace the history entry, so that Back leaves the search in one step.
    void navigate(`/${query}`, { replace: pathname === '/' && words !== '' })
  }

  function clear() {
    search('')
    field.current?.focus()
  }

  return (
    <search className="search">
      <Search className="icon" aria-hidden="true" />
      <input
        ref={field}
        type="search"
        data-testid="search"
        aria-label={t('search.label')}
        placeholder={t('search.placeholder')}
        value={typed}
        onChange={(event) => search(event.target.value)}
      />
      {typed !== '' && (
        <button type="button" className="icon-button" aria-label={t('search.clear')} onClick={clear}>
          <X className="icon" aria-hidden="true" />
        </button>
      )}
    </search>
  )
}
