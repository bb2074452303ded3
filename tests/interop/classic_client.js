/**
 * The client that Guestpass replaces, as it is written by hand in many apps: a token in localStorage, an interceptor
 * that attaches it, and one that logs in again on a 401 and replays the request. Everything goes through the one
 * instance, so the login itself carries the token that was just refused.
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
