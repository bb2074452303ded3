// Uploads 3 MB to the service that the query names, and shows the response and the progress, or the error.

import axios from 'axios'
import { createSession } from 'guestpass'
import { attachSession } from 'guestpass/axios'

const service = new URLSearchParams(location.search).get('service')
const session = createSession({ baseUrl: location.origin, allowedOrigins: [service] })
const api = axios.create({ baseURL: service })
attachSession(api, session)

const progress = []
const onUploadProgress = ({ loaded, total }) => progress.push({ loaded, total })
const result = await api.post('/upload', new Blob([new Uint8Array(3_000_000)]), { onUploadProgress }).then(
  ({ data }) => ({ response: data, progress }),
  (error) => ({ error: String(error) }),
)
document.querySelector('output').textContent = JSON.stringify(result)
