import { loadItems } from './api'
import { Resource } from './resource'

/** What the shop sells. */
export const itemsResource = new Resource(loadItems, { personal: false })
