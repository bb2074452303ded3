import { RotateCcw, Shield, TriangleAlert } from 'lucide-react'
import { type CSSProperties, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useCatalogue } from '../catalogue'
import { hueOf, Picture } from '../components/Picture'
import { VisitorId } from '../components/VisitorId'
import { useGoods } from '../i18n'
import code from './classic/interceptors.ts?raw'
import { type Board, buy, startOver, useLab } from './lab'
import { classic, guestpass, itemCount, type LabShop } from './shops'

/** The ids of the items that both shops of the lab sell. */
const GOODS = ['1', '2', '8', '10']

const COUNTERS = ['guests', 'logins', 'refreshes', 'failed', 'carts'] as const

/** Both shops side by side, each with its visitor, its cart and its counters. */
export function ShopComparison() {
  const { t } = useTranslation()
  const { boards, running } = useLab()
  const [codeShown, setCodeShown] = useState(false)
  return (
    <section className="comparison" aria-labelledby="comparison">
      <div className="goods-head">
        <h2 id="comparison">{t('lab.race')}</h2>
        <button
          type="button"
          className="button button-small"
          data-testid="start-over"
          disabled={running !== null}
          onClick={() => void startOver()}
        >
          <RotateCcw className="icon" aria-hidden="true" />
          {t('lab.startOver')}
        </button>
      </div>
      <div className="comparison-shops">
        <MiniShop shop={guestpass} board={boards.guestpass} other={boards.classic} title={t('lab.guestpass')} />
        <MiniShop shop={classic} board={boards.classic} other={boards.guestpass} title={t('lab.classic')} />
      </div>
      <button
        type="button"
        className="link-button"
        aria-expanded={codeShown}
        aria-controls="classic-code"
        onClick={() => setCodeShown(!codeShown)}
      >
        {t(codeShown ? 'lab.hideCode' : 'lab.classicHint')}
      </button>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: the code must scroll with the keyboard too */}
      <pre id="classic-code" className="code" hidden={!codeShown} tabIndex={0}>
        {code}
      </pre>
    </section>
  )
}

interface MiniShopProps {
  readonly shop: LabShop
  readonly board: Board
  /** The board of the other shop, to compare the counters with. */
  readonly other: Board
  readonly title: string
}

function MiniShop({ shop, board, other, title }: MiniShopProps) {
  const { t } = useTranslation()
  const { nameOf } = useGoods()
  const { data: catalogue } = useCatalogue()
  const Icon = shop.name === 'guestpass' ? Shield : TriangleAlert
  return (
    <article className="mini" data-shop={shop.name} data-testid={`shop-${shop.name}`}>
      <h3>
        <Icon className="icon" aria-hidden="true" />
        {title}
      </h3>
      <p className="mini-visitor">
        <span className="quiet">{t('lab.visitor')}</span> <VisitorId id={board.shopState?.id ?? null} />
      </p>
      <ul className="mini-goods">
        {GOODS.map((id) => {
          const item = catalogue?.items.find((item) => item.id === id)
          const name = item ? nameOf(item) : id
          const inCart = board.shopState?.inCart.get(id) ?? 0
          return (
            <li key={id}>
              <button
                type="button"
                className="mini-item"
                style={{ '--hue': hueOf(id) } as CSSProperties}
                data-testid={`${shop.name}-add-${id}`}
                aria-label={t('lab.addTo', { name, shop: title })}
                onClick={() => void buy(shop, id)}
              >
                {catalogue && <Picture item={item ?? null} />}
              </button>
              {inCart > 0 && (
                <span className="mini-count" data-testid={`${shop.name}-has-${id}`}>
                  {inCart}
                </span>
              )}
            </li>
          )
        })}
      </ul>
      <p className="quiet" data-testid={`${shop.name}-cart`}>
        {t('lab.inCart', { count: board.shopState ? itemCount(board.shopState) : 0 })}
      </p>
      <dl className="counters">
        {COUNTERS.map((counter) => (
          <div key={counter} data-worse={counter !== 'refreshes' && board[counter] > other[counter]}>
            <dt>{t(`lab.counters.${counter}`)}</dt>
            <dd data-testid={`${shop.name}-${counter}`}>{board[counter]}</dd>
          </div>
        ))}
      </dl>
    </article>
  )
}
