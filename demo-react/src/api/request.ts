import { session } from '../session'

/** The server answered, but not with what was asked for. */
export class ApiError extends Error {
  override readonly name = 'ApiError'

  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message)
  }
}

/** Asks the server as the visitor, and hands back the JSON of its answer. */
export async function request<T>(path: string, init?: RequestInit): Promise<T> {
  const response = await session.fetch(path, init)
  if (!response.ok) throw await refusal(response)
  return (response.status === 204 ? undefined : await response.json()) as T
}

export function json(method: string, body: unknown, headers: Readonly<Record<string, string>> = {}): RequestInit {
  return { method, headers: { 'Content-Type': 'application/json', ...headers }, body: JSON.stringify(body) }
}

/** What a problem document (RFC 9457) says, or at least the status. */
export async function refusal(response: Response): Promise<ApiError> {
  const fallback = `The server answered ${response.status}.`
  if (!response.headers.get('Content-Type')?.startsWith('application/problem+json')) {
    return new ApiError(response.status, fallback)
  }
  const problem = (await response.json().catch(() => ({}))) as { detail?: string; title?: string }
  return new ApiError(response.status, problem.detail ?? problem.title ?? fallback)
}
