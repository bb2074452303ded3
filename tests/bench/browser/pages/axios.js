// A page with the classic client: one request at start, a storm on demand.

import axios from 'axios'
import { createClassicClient } from '../../../interop/classic_client.js'
import { visit } from './visit.js'

const api = createClassicClient(axios, '/', localStorage)
visit(async () => (await api.get('/items/')).data)
