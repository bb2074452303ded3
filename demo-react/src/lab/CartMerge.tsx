import { useMutation } from '@tanstack/react-query'
import { ArrowRight, Laptop, type LucideIcon, Smartphone, UserRoundCheck } from 'lucide-react'
import { type CSSProperties, useId } from 'react'
import { useTranslation } from 'react-i18next'
import declaration from '../../../server/demo/guestpass.toml?raw'
import { useCatalogue } from '../catalogue'
import { hueOf, Picture } from '../components/Picture'
import { failureOf } from '../failure'
import { useGoods } from '../i18n'
import { BOUND, type Carts, type MergeLine, mergeCarts, originOf } from './merge'

/** The two carts of a person who shops on two devices. */
function useCarts(): Carts {
  const { t } = useTranslation()
  return {
    account: [
      { item: '1', quantity: 2, note: t('lab.merge.notes.account') },
      { item: '2', quantity: 1 },
      { item: '10', quantity: 60 },
    ],
    guest: [
      { item: '1', quantity: 1, note: t('lab.merge.notes.guest') },
      { item: '8', quantity: 1 },
      { item: '10', quantity: 50 },
    ],
  }
}

/** Two carts become one: a guest logs in to an account that has a cart, too. The server merges them by a declared rule. */
export function CartMerge() {
  const { t } = useTranslation()
  const carts = useCarts()
  const { mutate, data, error, isPending } = useMutation({ mutationFn: mergeCarts })
  const failure = failureOf(error)
  return (
    <section className="merge" aria-labelledby="merge" data-testid="merge">
      <h2 id="merge">{t('lab.merge.heading')}</h2>
      <p className="quiet">{t('lab.merge.hint')}</p>
      <div className="merge-carts">
        <MergeCart
          name="account"
          Icon={Laptop}
          title={t('lab.merge.account')}
          hint={t('lab.merge.accountHint')}
          lines={carts.account}
        />
        <MergeCart
          name="guest"
          Icon={Smartphone}
          title={t('lab.merge.guest')}
          hint={t('lab.merge.guestHint')}
          lines={carts.guest}
        >
          <button
            type="button"
            className="button button-primary"
            data-testid="merge-run"
            disabled={isPending}
            onClick={() => mutate(carts)}
          >
            {t(isPending ? 'lab.running' : data ? 'lab.merge.again' : 'lab.merge.run')}
            <ArrowRight className="icon" aria-hidden="true" />
          </button>
        </MergeCart>
        <div className="merge-outcome" role="status">
          {data ? (
            <MergeCart
              name="merged"
              Icon={UserRoundCheck}
              title={t('lab.merge.merged')}
              hint={t('lab.merge.mergedHint')}
              lines={data.merged}
              mergedFrom={data}
            />
          ) : (
            <p className="merge-waiting quiet">
              {failure
                ? t('lab.merge.failed', { detail: failure.message ?? t('outage.reasons.network') })
                : t('lab.merge.waiting')}
            </p>
          )}
        </div>
      </div>
      <MergeRule />
    </section>
  )
}

interface MergeCartProps {
  readonly name: 'account' | 'guest' | 'merged'
  readonly Icon: LucideIcon
  readonly title: string
  readonly hint: string
  readonly lines: readonly MergeLine[]
  /** The carts from which this one was merged. */
  readonly mergedFrom?: Carts
  readonly children?: React.ReactNode
}

function MergeCart({ name, Icon, title, hint, lines, mergedFrom, children }: MergeCartProps) {
  const heading = useId()
  const { nameOf } = useGoods()
  const { data: catalogue } = useCatalogue()
  return (
    <article className="mini merge-cart" data-cart={name} aria-labelledby={heading} data-testid={`merge-${name}`}>
      <div>
        <h3 id={heading}>
          <Icon className="icon" aria-hidden="true" />
          {title}
        </h3>
        <p className="quiet">{hint}</p>
      </div>
      <ul>
        {lines.map((line) => {
          const item = catalogue?.items.find(({ id }) => id === line.item) ?? null
          return (
            <li key={line.item} className="merge-line" data-testid={`merge-${name}-${line.item}`}>
              <span className="merge-picture" style={{ '--hue': hueOf(line.item) } as CSSProperties}>
                {catalogue && <Picture item={item} />}
              </span>
              <span className="merge-words">
                <span className="merge-name">{item ? nameOf(item) : line.item}</span>
                {line.note && <q className="merge-note">{line.note}</q>}
                {mergedFrom && <Explanation line={line} carts={mergedFrom} />}
              </span>
              <span className="merge-quantity">{line.quantity}</span>
            </li>
          )
        })}
      </ul>
      {children}
    </article>
  )
}

/** Says in words how a line of the merged cart has come about. */
function Explanation({ line, carts }: { readonly line: MergeLine; readonly carts: Carts }) {
  const { t } = useTranslation()
  const { from, quantities, notes } = originOf(line, carts)
  if (!quantities) {
    return <span className="merge-why">{t(from === 'account' ? 'lab.merge.why.account' : 'lab.merge.why.guest')}</span>
  }
  const [account, guest] = quantities
  const sum = account + guest
  return (
    <>
      <span className="merge-why">
        {t(sum > BOUND ? 'lab.merge.why.bounded' : 'lab.merge.why.sum', { account, guest, sum, bound: BOUND })}
      </span>
      {notes && <span className="merge-why">{t('lab.merge.why.note')}</span>}
    </>
  )
}

/** The rule in words, and as the operator has declared it. */
function MergeRule() {
  const { t } = useTranslation()
  return (
    <div className="merge-rule">
      <div>
        <h3>{t('lab.merge.rule')}</h3>
        <ul>
          {(['sum', 'one', 'note'] as const).map((name) => (
            <li key={name}>{t(`lab.merge.rules.${name}`, { bound: BOUND })}</li>
          ))}
        </ul>
      </div>
      <div>
        <h3>{t('lab.merge.declared')}</h3>
        <pre className="code">{cartDeclaration}</pre>
      </div>
    </div>
  )
}

/** The lines of the declaration of the cart that say how carts are merged. */
const cartDeclaration = [
  '[collections.cart]',
  ...declaration
    .slice(declaration.indexOf('[collections.cart]'))
    .split('\n')
    .filter((line) => /^(merge|bounds) = /.test(line))
    .slice(0, 2),
].join('\n')
