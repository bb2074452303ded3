/**
 * A classic client, as many apps write it by hand: a token in localStorage, an interceptor that attaches it, and an interceptor
 * that logs in again after a 401 and replays the request. All requests use the same axios instance, so that the login itself
 * has the refused token.
 *
 * @param {import('axios').AxiosStatic} axios
 * @param {string} baseURL
 * @param {Pick<Storage, 'getItem' | 'setItem'>} storage
 */
export function createClassicClient(axios, baseURL, storage) {
  const api = axios.create({ baseURL })

  api.interceptors.request.use((config) => {
    const token = storage.getItem('token')
    if (token) config.headers.Authorization = `Bearer ${token}`
    return config
  })

  api.interceptors.response.use(undefined, async (error) => {
    const { config, response } = error
    if (response?.status !== 401 || config.retried) throw error
    config.retried = true
    const { data } = await api.post('/anonymous-login')
    storage.setItem('token', data.access_token)
    return api(config)
  })

  return api
}
