import { Search, X } from 'lucide-react'
import { useEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useLocation, useNavigate, useSearchParams } from 'react-router'

/** The words are in the address, so that a search can be kept, shared and gone back from. */
export function SearchField() {
  const { t } = useTranslation()
  const [params] = useSearchParams()
  const { pathname } = useLocation()
  const navigate = useNavigate()
  const field = useRef<HTMLInputElement>(null)
  const words = params.get('q') ?? ''
  const [typed, setTyped] = useState(words)

  // The address follows whoever types, a little later, and leads everybody else.
  useEffect(() => {
    if (document.activeElement !== field.current) setTyped(words)
  }, [words])

  function look(next: string) {
    setTyped(next)
    const query = next === '' ? '' : `?${new URLSearchParams({ q: next })}`
    // Typing on is one step, not one for each letter.
    void navigate(`/${query}`, { replace: pathname === '/' && words !== '' })
  }

  function clear() {
    look('')
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
        onChange={(event) => look(event.target.value)}
      />
      {typed !== '' && (
        <button type="button" className="icon-button" aria-label={t('search.clear')} onClick={clear}>
          <X className="icon" aria-hidden="true" />
        </button>
      )}
    </search>
  )
}
