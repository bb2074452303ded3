import { session } from '../session'

/** The error of a response that is not 2xx. */
export class ApiError extends Error {
  override readonly name = 'ApiError'

  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message)
  }
}

/** Sends a request of the visitor and returns the JSON of the response. */
export async function request<T>(path: string, init?: RequestInit): Promise<T> {
  const response = await session.fetch(path, init)
  if (!response.ok) throw await apiError(response)
  return response.json()
}

/** The error of a response, with the message of its problem document (RFC 9457) or else its status. */
async function apiError(response: Response): Promise<ApiError> {
  const fallback = `The server responded with HTTP ${response.status}.`
  if (!response.headers.get('Content-Type')?.startsWith('application/problem+json')) {
    return new ApiError(response.status, fallback)
  }
  const problem = (await response.json().catch(() => ({}))) as { detail?: string; title?: string }
  return new ApiError(response.status, problem.detail ?? problem.title ?? fallback)
}
