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
    const { data } = await api.post('/me/cart', { item_id: 1, quantity: 1 })
    find('ul').replaceChildren(
      ...data.lines.map(({ name, quantity }) =>
        Object.assign(document.createElement('li'), { textContent: `${quantity} × ${name}` }),
      ),
    )
    find('[role=alert]').textContent = ''
  } catch (error) {
    find('[role=alert]').textContent = String(error)
  }
}
