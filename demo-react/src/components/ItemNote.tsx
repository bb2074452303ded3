import { type FormEvent, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Item } from '../api/shop'
import { failureOf } from '../failure'
import { useGoods } from '../i18n'
import { useChangeNote, useNote } from '../notes'

/** The visitor's note on an item. Shows the error of the server for a text that breaks the schema of the collection. */
export function ItemNote({ item }: { readonly item: Item }) {
  const { t } = useTranslation()
  const { nameOf } = useGoods()
  const saved = useNote(item.id)
  const [typed, setTyped] = useState<string | null>(null)
  const change = useChangeNote(item.id)
  if (saved === undefined) return null
  const text = typed ?? saved
  const failure = failureOf(change.error)

  function save(event: FormEvent) {
    event.preventDefault()
    change.mutate(text.trim())
  }

  return (
    <form className="note" data-testid="note" onSubmit={save}>
      <h2 id="note">{t('note.heading')}</h2>
      <textarea
        data-testid="note-text"
        aria-label={`${t('note.heading')}: ${nameOf(item)}`}
        aria-describedby="note-hint"
        value={text}
        onChange={(event) => {
          change.reset()
          setTyped(event.target.value)
        }}
      />
      <p id="note-hint" className="quiet">
        {t('note.hint')}
      </p>
      <p role="alert" className="field-error" data-testid="note-error">
        {failure && `${t('note.refused')} ${failure.message ?? t('outage.reasons.network')}`}
      </p>
      <div className="buttons">
        <button
          type="submit"
          className="button"
          data-testid="note-save"
          disabled={change.isPending || text.trim() === saved}
        >
          {t('note.save')}
        </button>
        {saved !== '' && (
          <button
            type="button"
            className="button"
            data-testid="note-delete"
            disabled={change.isPending}
            onClick={() => {
              setTyped('')
              change.mutate('')
            }}
          >
            {t('note.delete')}
          </button>
        )}
        <span role="status" className="quiet">
          {change.isSuccess && t(change.variables === '' ? 'note.deleted' : 'note.saved')}
        </span>
      </div>
    </form>
  )
}
