import axios, { type AxiosAdapter, AxiosError, type CreateAxiosDefaults } from 'axios'
import { noteWire } from '../../wire'

const send = axios.getAdapter('xhr')

/** Axios's own way of sending, watched for the timeline. */
const watched: AxiosAdapter = async (config) => {
  const request = `${(config.method ?? 'get').toUpperCase()} ${config.url}`
  const began = performance.now()
  const note = (status: number) => noteWire({ shop: 'classic', request, status, took: performance.now() - began })
  try {
    const response = await send(config)
    note(response.status)
    return response
  } catch (error) {
    note(error instanceof AxiosError ? (error.response?.status ?? 0) : 0)
    throw error
  }
}

/** What the lab adds to axios: the server counts the two shops apart, and the timeline shows what is sent. */
export const LAB = { headers: { 'Demo-Shop': 'classic' }, adapter: watched } satisfies CreateAxiosDefaults
