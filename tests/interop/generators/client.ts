// Uses the generated clients: types of a body that may be left out, and requests to a real server.

import { client } from './hey_api/client.gen'
import { login as heyLogin, me as heyMe } from './hey_api/sdk.gen'
import type { paths } from './openapi_typescript'
import { login as orvalLogin, registerOptions } from './orval'

type LoginBody = NonNullable<paths['/anonymous-login']['post']['requestBody']>['content']['application/json']

/** Logs guests in by the clients of orval and hey-api. Returns the number of guests. */
export async function run(url: string): Promise<number> {
  const body: LoginBody = { refresh: true }
  client.setConfig({ baseUrl: url })
  const logins = [await orvalLogin(), await orvalLogin(body), await registerOptions()]
  const [withBody, withoutBody] = [await heyLogin({ body, throwOnError: true }), await heyLogin({ throwOnError: true })]
  const guest = await heyMe({ auth: withBody.data.access_token, throwOnError: true })
  const ids = [withBody.data.anonymous_id, withoutBody.data.anonymous_id, guest.data.id]
  if (ids[0] !== ids[2]) throw new Error(`${ids[0]} is not ${ids[2]}`)
  const statuses = logins.map(({ status }) => status).join()
  if (statuses !== '200,200,401') throw new Error(`orval: ${statuses}`)
  return ids.length - 1 + 2
}
