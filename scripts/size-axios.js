// What Guestpass replaces, as an app bundles it: axios with its two interceptors.

import axios from 'axios'
import { createClassicClient } from '../tests/interop/classic_client.js'

export const api = createClassicClient(axios, '/', localStorage)
