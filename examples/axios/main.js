import axios from 'axios'
import { createSession } from 'guestpass'
import { attachSession } from 'guestpass/axios'

const session = createSession({ baseUrl: location.origin })
const api = axios.create({ baseURL: location.origin })
attachSession(api, session)

const find = (selector) => document.querySelector(selector)

session.subscribe(() => {
  find('output').textContent = session.getSnapshot().id ?? 'not yet a guest'
})

find('button').onclick = async () => {
  try {
    // The key is the app's own, for example an SKU.
    await api.post('/me/cart/teapot', { add: { quantity: 1 } })
    const { data } = await api.get('/me/cart')
    find('ul').replaceChildren(
      ...data.entries.map(({ key, value }) =>
        Object.assign(document.createElement('li'), { textContent: `${value.quantity} × ${key}` }),
      ),
    )
    find('[role=alert]').textContent = ''
  } catch (error) {
    find('[role=alert]').textContent = String(error)
  }
}
