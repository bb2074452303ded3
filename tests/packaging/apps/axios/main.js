import axios from 'axios'
import { createSession } from 'guestpass'
import { attachSession } from 'guestpass/axios'

const service = new URLSearchParams(location.search).get('service')
const session = createSession({ baseUrl: location.origin, allowedOrigins: [service] })
const api = axios.create({ baseURL: service })
attachSession(api, session)

const progress = []
const onUploadProgress = ({ loaded, total }) => progress.push({ loaded, total })
api.post('/upload', new Blob([new Uint8Array(3_000_000)]), { onUploadProgress }).then(
  ({ data }) => {
    document.body.dataset.guest = JSON.stringify({ answer: data, progress })
  },
  (error) => {
    document.body.dataset.error = String(error)
  },
)
