import { useSession } from 'guestpass/react'
import { expireNow } from '../expiry'
import { session } from '../session'
import { Icon } from './Icon'

/** Two things to try, each with what should happen. */
export function SessionActions() {
  const hasSession = useSession(({ id, expiresAt }) => id !== null || expiresAt !== null)
  return (
    <div className="actions">
      <div className="action">
        <button
          type="button"
          className="button"
          data-testid="expire"
          disabled={!hasSession}
          onClick={expireNow}
          aria-describedby="expire-meaning"
        >
          <Icon name="hourglass" />
          Let the token expire
        </button>
        <p id="expire-meaning" className="quiet">
          The next request gets a new one. Same visitor, same cart.
        </p>
      </div>
      <div className="action">
        <button
          type="button"
          className="button"
          data-testid="sign-out"
          disabled={!hasSession}
          onClick={() => void session.signOut()}
          aria-describedby="sign-out-meaning"
        >
          <Icon name="leave" />
          Sign out
        </button>
        <p id="sign-out-meaning" className="quiet">
          Every tab forgets this visitor, and the server revokes the session.
        </p>
      </div>
    </div>
  )
}
