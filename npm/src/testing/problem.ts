/** A problem document (RFC 9457). */
export function problem(status: number, detail: string, more: object = {}): Response {
  const headers = { 'content-type': 'application/problem+json' }
  const body = { type: 'about:blank', title: 'Error', status, detail, ...more }
  return new Response(JSON.stringify(body), { status, headers })
}
