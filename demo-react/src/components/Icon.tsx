const PATHS = {
  bag: 'M6 8h12l1 12H5L6 8Zm3 0V7a3 3 0 0 1 6 0v1',
  plus: 'M12 5v14M5 12h14',
  minus: 'M5 12h14',
  trash: 'M4 7h16M10 7V5h4v2M6.5 7l.8 12h9.4l.8-12M10 11v5M14 11v5',
  copy: 'M9 9h10v10H9zM5 15V5h10',
  check: 'm5 12.5 4.5 4.5L19 7.5',
  close: 'M6 6l12 12M18 6 6 18',
  chevron: 'm6 15 6-6 6 6',
  hourglass: 'M7 4h10M7 20h10M8 4c0 5 8 5.5 8 10v6M16 4c0 5-8 5.5-8 10v6',
  leave: 'M14 5H6v14h8M10 12h10m-3.5-3.5L20 12l-3.5 3.5',
  down: 'M12 5v14m-6-6 6 6 6-6',
  alert: 'M12 9v4.5m0 3v.1M12 4 2.8 20h18.4L12 4Z',
} as const

export type IconName = keyof typeof PATHS

/** A picture beside a word that says the same, so screen readers skip it. */
export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg className="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  )
}
