//! `GET /me/export`: all stored data about the caller, as a file.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, HeaderName};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::collection::EntryBody;
use super::sessions::Session;
use crate::actor::{Role, network_text};
use crate::auth::{AccountCaller, Subject};
use crate::clock::Timestamp;
use crate::routes::error::Problem;
use crate::routes::openapi::{AccountCallerErrors, GuestErrors};
use crate::server::Guestpass;
use crate::store::{AuditEntry, CollectionEntry, Export, Identity};

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
    /// Every collection with entries, by its name, also those that are not declared any more. In each, the entry that was changed
    /// last is the first one.
    collections: BTreeMap<String, Vec<EntryBody>>,
    /// What the audit trail tells about the caller: the newest 1000 entries, the oldest of them first.
    audit: Vec<ExportedEntry>,
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
    /// The network of the client that opened the session, if it is known.
    #[schema(example = "203.0.113.7")]
    network: Option<String>,
    /// Whether the session was ended before it expired.
    revoked: bool,
}

/// An entry of the audit trail.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ExportedEntry {
    /// Of failed attempts, the start of their hour.
    #[schema(format = DateTime, example = "2027-01-15T08:00:00.250Z")]
    at: String,
    #[schema(example = "logged_in")]
    event: &'static str,
    /// `client`, `server` or `operator`.
    #[schema(example = "client")]
    actor: &'static str,
    /// The session concerned.
    session: Option<Uuid>,
    /// The network of the client.
    #[schema(example = "203.0.113.7")]
    network: Option<String>,
    /// Browser and system of the client. Null for an operator.
    #[schema(example = "Firefox on Windows")]
    label: Option<String>,
    #[schema(example = "password")]
    detail: Option<String>,
    /// The number of failed attempts within the hour.
    attempts: Option<u64>,
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
        let Export { guest, identities, sessions, entries, audit } = export;
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
                .map(|row| ExportedSession {
                    network: row.network.map(network_text),
                    revoked: row.revoked,
                    session: Session::of(row, caller, now),
                })
                .collect(),
            collections: by_collection(entries),
            audit: audit.into_iter().map(ExportedEntry::from).collect(),
        }
    }
}

fn by_collection(entries: Vec<CollectionEntry>) -> BTreeMap<String, Vec<EntryBody>> {
    let mut collections = BTreeMap::<_, Vec<_>>::new();
    for CollectionEntry { collection, entry } in entries {
        collections.entry(collection).or_default().push(entry.into());
    }
    collections
}

impl From<AuditEntry> for ExportedEntry {
    fn from(entry: AuditEntry) -> Self {
        // The network of failed attempts is that of another client, and the label of an operator is a person's name.
        let is_client = entry.actor == Role::Client;
        Self {
            at: entry.at.rfc3339(),
            event: entry.event.name(),
            actor: entry.actor.name(),
            session: entry.session,
            network: entry.network.filter(|_| is_client && entry.attempts.is_none()),
            label: entry.label.filter(|_| is_client),
            detail: entry.detail,
            attempts: entry.attempts,
        }
    }
}
