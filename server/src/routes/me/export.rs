//! `GET /me/export`: all stored data about the caller, as a file.

use axum::Json;
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, HeaderName};
use serde::Serialize;
use utoipa::ToSchema;

use super::cart::CartLineBody;
use super::favorites::FavoriteItem;
use super::history::SeenItem;
use super::sessions::Session;
use crate::auth::{AccountCaller, Subject};
use crate::clock::Timestamp;
use crate::routes::error::Problem;
use crate::routes::openapi::{AccountCallerErrors, GuestErrors};
use crate::server::Guestpass;
use crate::store::{CartLine, Export, Identity, Preferences};

/// All stored data about the caller, except the hashes of idempotency keys (which are deleted within a day) and of a member's password, the public keys of passkeys, and challenges (which expire after five minutes).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Export)]
pub(super) struct ExportResponse {
    /// When the data was read.
    #[schema(format = DateTime, example = "2027-01-15T08:30:00.250Z")]
    exported_at: String,
    /// The subject of the caller's tokens.
    #[schema(pattern = "^(anonymous|user)_[0-9a-f-]{36}$")]
    id: String,
    #[schema(format = DateTime, example = "2027-01-15T08:00:00.250Z")]
    created_at: String,
    #[schema(format = DateTime, example = "2027-01-15T08:30:00.250Z")]
    last_active_at: String,
    /// Since when the caller has been a member. Null: a guest.
    #[schema(format = DateTime, example = "2027-01-15T08:15:00.250Z")]
    registered_at: Option<String>,
    #[schema(example = "ada@example.com")]
    email: Option<String>,
    /// The number of passkeys. Only the public key of each is stored.
    passkeys: u64,
    /// The identities of the caller at other issuers.
    identities: Vec<ExportedIdentity>,
    /// The newest first.
    sessions: Vec<ExportedSession>,
    /// The oldest line first.
    cart: Vec<ExportedLine>,
    /// The last viewed item first.
    history: Vec<SeenItem>,
    /// The last marked item first.
    favorites: Vec<FavoriteItem>,
    preferences: Preferences,
}

/// The identity of a member at an OpenID Connect issuer.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ExportedIdentity {
    #[schema(example = "https://accounts.example")]
    issuer: String,
    subject: String,
}

/// A session in any state. Its times are rounded as those in `/me/sessions`.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ExportedSession {
    #[serde(flatten)]
    session: Session,
    /// Whether the session was ended before it expired.
    revoked: bool,
}

/// A line of the cart.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ExportedLine {
    #[serde(flatten)]
    line: CartLineBody,
    #[schema(format = DateTime, example = "2027-01-15T08:00:00.250Z")]
    added_at: String,
}

/// All stored data about the caller
#[utoipa::path(get, path = "/me/export", tag = "guest", security(("refreshToken" = [])), responses(
    (
        status = 200,
        description = "All data, read at one point in time, as a file.",
        body = ExportResponse,
        headers(("Content-Disposition" = String, description = "A file to save."))
    ),
    GuestErrors,
    AccountCallerErrors,
))]
pub(super) async fn export(
    caller: AccountCaller,
    State(Guestpass { inner }): State<Guestpass>,
) -> Result<([(HeaderName, &'static str); 1], Json<ExportResponse>), Problem> {
    let export = inner.store.export(caller.subject.id).await??;
    let file = [(CONTENT_DISPOSITION, "attachment; filename=\"guestpass-export.json\"")];
    Ok((file, Json(ExportResponse::of(caller, export, inner.clock.now()))))
}

impl ExportResponse {
    fn of(caller: AccountCaller, export: Export, now: Timestamp) -> Self {
        let Export { guest, identities, sessions, cart, history, favorites, preferences } = export;
        Self {
            exported_at: now.rfc3339(),
            id: Subject::of(&guest).to_string(),
            created_at: guest.created_at.rfc3339(),
            last_active_at: guest.last_active_at.max(caller.seen_at).rfc3339(),
            registered_at: guest.registered_at.map(Timestamp::rfc3339),
            email: guest.email,
            passkeys: guest.passkeys,
            identities: identities
                .into_iter()
                .map(|Identity { issuer, subject }| ExportedIdentity { issuer, subject })
                .collect(),
            sessions: sessions
                .into_iter()
                .map(|row| ExportedSession { revoked: row.revoked, session: Session::of(row, caller, now) })
                .collect(),
            cart: cart.into_iter().map(ExportedLine::from).collect(),
            history: history.into_iter().map(SeenItem::from).collect(),
            favorites: favorites.into_iter().map(FavoriteItem::from).collect(),
            preferences,
        }
    }
}

impl From<CartLine> for ExportedLine {
    fn from(line: CartLine) -> Self {
        Self { added_at: line.added_at.rfc3339(), line: line.into() }
    }
}
