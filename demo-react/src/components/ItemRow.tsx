import type { CSSProperties } from 'react'
import { useId } from 'react'
import { Link } from 'react-router'
import type { Item } from '../api/shop'
import { useGoods } from '../i18n'
import { hueOf, Picture } from './Picture'

interface ItemRowProps {
  readonly title: string
  readonly items: readonly { readonly item: Item; readonly note?: string }[]
  readonly testId: string
}

/** A row of small pictures with links to items. */
export function ItemRow({ title, items, testId }: ItemRowProps) {
  const heading = useId()
  const { nameOf } = useGoods()
  if (items.length === 0) return null
  return (
    <section className="rail" aria-labelledby={heading} data-testid={testId}>
      <h2 id={heading}>{title}</h2>
      <ul>
        {items.map(({ item, note }) => (
          <li key={item.id}>
            <Link to={`/shop/${encodeURIComponent(item.id)}`} className="rail-link">
              <span className="rail-picture" style={{ '--hue': hueOf(item.id) } as CSSProperties}>
                <Picture item={item} />
              </span>
              <span>
                <span className="rail-name">{nameOf(item)}</span>
                {note && <span className="rail-note">{note}</span>}
              </span>
            </Link>
          </li>
        ))}
      </ul>
    </section>
  )
}
