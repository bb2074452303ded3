import axios, { type AxiosAdapter, AxiosError, type CreateAxiosDefaults } from 'axios'
import { logRequest } from '../../request-log'

const send = axios.getAdapter('xhr')

/** The adapter of axios for XMLHttpRequest, with a log of the requests for the timeline. */
const logged: AxiosAdapter = async (config) => {
  const request = `${(config.method ?? 'get').toUpperCase()} ${config.url}`
  const began = performance.now()
  const log = (status: number) => logRequest({ shop: 'classic', request, status, took: performance.now() - began })
  try {
    const response = await send(config)
    log(response.status)
    return response
  } catch (error) {
    log(error instanceof AxiosError ? (error.response?.status ?? 0) : 0)
    throw error
  }
}

/** The configuration that the lab needs: a header by which the server counts this shop, and the log of the timeline. */
export const DEMO_CONFIG = { headers: { 'Demo-Shop': 'classic' }, adapter: logged } satisfies CreateAxiosDefaults
