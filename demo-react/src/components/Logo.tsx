/** The logo, a ticket with a perforation. The same drawing as public/favicon.svg. */
export function Logo() {
  return (
    <svg className="logo" viewBox="0 0 32 32" aria-hidden="true">
      <rect className="logo-ground" width="32" height="32" rx="9" />
      <path
        className="logo-pass"
        d="M7 11.5A1.5 1.5 0 0 1 8.5 10h15a1.5 1.5 0 0 1 1.5 1.5v2.2a2.3 2.3 0 0 0 0 4.6v2.2a1.5 1.5 0 0 1-1.5 1.5h-15A1.5 1.5 0 0 1 7 20.5v-2.2a2.3 2.3 0 0 0 0-4.6z"
      />
      <path className="logo-tear" d="M19.5 12.5v1.6m0 2v1.6m0 2v.3" />
    </svg>
  )
}
