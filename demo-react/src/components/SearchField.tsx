import { History, Search, X } from 'lucide-react'
import { type FormEvent, useEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useLocation, useNavigate, useSearchParams } from 'react-router'
import { keyOf, useSearchChanges, useSearches } from '../searches'

/** The number of past searches below the field. */
const SUGGESTIONS = 5

/**
 * The search field, with the last searches of the visitor below it while it has the keyboard focus. The words are in the URL,
 * so that a search can be bookmarked, shared and undone with Back.
 */
export function SearchField() {
  const { t } = useTranslation()
  const [params] = useSearchParams()
  const { pathname } = useLocation()
  const navigate = useNavigate()
  const field = useRef<HTMLInputElement>(null)
  const words = params.get('q') ?? ''
  const [typed, setTyped] = useState(words)
  const [open, setOpen] = useState(false)
  const past = useSearches(open)
  const { keep, forget } = useSearchChanges()
  const suggestions = past
    .filter(({ key }) => key !== keyOf(typed) && key.startsWith(keyOf(typed)))
    .slice(0, SUGGESTIONS)

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

  function choose(text: string) {
    search(text)
    keep(text)
    close()
  }

  /** The visitor has finished typing. */
  function submit(event: FormEvent) {
    event.preventDefault()
    keep(typed)
    setOpen(false)
  }

  /** Hides the last searches. The keyboard focus stays in the field, or returns to it. */
  function close() {
    field.current?.focus()
    setOpen(false)
  }

  function clear() {
    search('')
    field.current?.focus()
  }

  return (
    <search
      className="search"
      onBlur={({ currentTarget, relatedTarget }) => {
        if (currentTarget.contains(relatedTarget)) return
        if (open) keep(typed)
        setOpen(false)
      }}
      onKeyDown={(event) => {
        if (event.key !== 'Escape' || !open || suggestions.length === 0) return
        // Otherwise browsers empty the field.
        event.preventDefault()
        close()
      }}
    >
      <form className="search-form" onSubmit={submit}>
        <Search className="icon" aria-hidden="true" />
        <input
          ref={field}
          type="search"
          data-testid="search"
          aria-label={t('search.label')}
          placeholder={t('search.placeholder')}
          autoComplete="off"
          value={typed}
          onFocus={() => setOpen(true)}
          onClick={() => setOpen(true)}
          onChange={(event) => {
            setOpen(true)
            search(event.target.value)
          }}
        />
        {typed !== '' && (
          <button
            type="button"
            className="icon-button"
            data-testid="clear-search"
            aria-label={t('search.clear')}
            onClick={clear}
          >
            <X className="icon" aria-hidden="true" />
          </button>
        )}
      </form>
      {open && suggestions.length > 0 && (
        <div className="suggestions" data-testid="searches">
          <h2>{t('search.past')}</h2>
          {/* The field keeps the focus, also in browsers in which a pressed button gets none. */}
          <ul onMouseDown={(event) => event.preventDefault()}>
            {suggestions.map(({ key, value: { text } }) => (
              <li key={key}>
                <button type="button" className="suggestion" data-testid={`search-${key}`} onClick={() => choose(text)}>
                  <History className="icon" aria-hidden="true" />
                  <span>{text}</span>
                </button>
                <button
                  type="button"
                  className="icon-button"
                  data-testid={`forget-${key}`}
                  aria-label={t('search.forget', { text })}
                  onClick={() => {
                    forget(key)
                    field.current?.focus()
                  }}
                >
                  <X className="icon" aria-hidden="true" />
                </button>
              </li>
            ))}
          </ul>
        </div>
      )}
    </search>
  )
}
