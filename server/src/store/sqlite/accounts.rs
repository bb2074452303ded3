//! Accounts: registrations and merges. Each is one transaction, and there is one writer, so the rows that are read do not change
//! before the writes.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use super::guests::Owner;
use super::{SqliteStore, audit, ceremonies, id_column, id_text, merge, sessions, upgrades};
use crate::clock::Timestamp;
use crate::secret::PasswordHash;
use crate::store::{
    AccountKey, AccountRow, AccountStore, Caller, Ceremony, Identity, MergeOutcome, MergeRequest, NewAuditEntry,
    NewCredential, PasskeyRow, PasskeyUse, RegisterOutcome, Registration, RetryOutcome, SessionRow, StoreError,
    Upgrade, UpgradeRetry, last_expiry, needs_merge,
};

#[async_trait]
impl AccountStore for SqliteStore {
    async fn register(&self, registration: Registration) -> Result<RegisterOutcome, StoreError> {
        self.writer.write(move |db| register(db, &registration)).await
    }

    async fn merge_into_account(&self, request: MergeRequest) -> Result<MergeOutcome, StoreError> {
        self.writer.write(move |db| merge_into_account(db, &request)).await
    }

    async fn account(&self, key: AccountKey) -> Result<Option<AccountRow>, StoreError> {
        self.readers.read(move |db| account(db, &key)).await
    }

    async fn passkey(&self, credential_id: Vec<u8>) -> Result<Option<PasskeyRow>, StoreError> {
        self.readers.read(move |db| passkey(db, credential_id)).await
    }

    async fn begin_ceremony(&self, ceremony: Ceremony) -> Result<bool, StoreError> {
        self.writer.write(move |db| ceremonies::begin(db, &ceremony)).await
    }

    async fn ceremony(&self, id: Uuid, user: Uuid, now: Timestamp) -> Result<Option<String>, StoreError> {
        self.readers.read(move |db| ceremonies::state(db, id, user, now)).await
    }

    async fn end_ceremony(&self, id: Uuid) -> Result<(), StoreError> {
        self.writer.write(move |db| ceremonies::end(db, id)).await
    }

    async fn repeat_upgrade(&self, retry: UpgradeRetry) -> Result<RetryOutcome, StoreError> {
        self.writer.write(move |db| upgrades::repeat(db, &retry)).await
    }
}

pub(super) fn register(db: &Connection, registration: &Registration) -> rusqlite::Result<RegisterOutcome> {
    let Registration { caller, session, key, now, email, credential, single_use } = registration;
    let Some(asking) = asking_session(db, caller, *now)? else { return Ok(RegisterOutcome::SessionEnded) };
    if asking.registered {
        let is_first_use = ceremonies::use_proof_of_member(db, single_use.as_ref(), caller.user, *now)?;
        return Ok(if is_first_use { RegisterOutcome::AlreadyMember } else { RegisterOutcome::ProofUsed });
    }
    if upgrades::is_used(db, key.as_ref())? {
        return Ok(RegisterOutcome::KeyUsed);
    }
    let is_taken = |key| Ok::<_, rusqlite::Error>(account(db, &key)?.is_some());
    let mut email = email.as_deref();
    if let Some(wanted) = email
        && is_taken(AccountKey::Email(wanted.to_owned()))?
    {
        if !matches!(credential, NewCredential::Identity(_)) {
            return Ok(RegisterOutcome::EmailTaken);
        }
        email = None;
    }
    let taken = match credential {
        NewCredential::Password(_) => false,
        NewCredential::Passkey(passkey) => is_taken(AccountKey::Passkey(passkey.credential_id.clone()))?,
        NewCredential::Identity(identity) => is_taken(AccountKey::Identity(identity.clone()))?,
    };
    if taken {
        return Ok(RegisterOutcome::CredentialTaken);
    }
    if let Some(single_use) = single_use
        && !ceremonies::use_proof(db, single_use, caller.user, *now)?
    {
        return Ok(RegisterOutcome::ProofUsed);
    }

    let user = id_text(caller.user);
    let password = match credential {
        NewCredential::Password(hash) => Some(hash.expose()),
        NewCredential::Passkey(_) | NewCredential::Identity(_) => None,
    };
    db.prepare_cached("INSERT INTO account (user_id, email, password_hash, created_at) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![user, email, password, now.as_millis()])?;
    match credential {
        NewCredential::Password(_) => {}
        NewCredential::Passkey(PasskeyRow { credential_id, data }) => {
            db.prepare_cached(
                "INSERT INTO passkey (credential_id, user_id, data, created_at) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![credential_id, user, data, now.as_millis()])?;
        }
        NewCredential::Identity(Identity { issuer, subject }) => {
            db.prepare_cached(
                "INSERT INTO linked_identity (issuer, subject, user_id, created_at) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![issuer, subject, user, now.as_millis()])?;
        }
    }
    let ended = sessions::end_all(db, &user, *now)?;
    db.prepare_cached("UPDATE anonymous_user SET registered_at = ?2, guest_tokens_until = ?3 WHERE id = ?1")?
        .execute(params![user, now.as_millis(), last_expiry(&ended, *now).as_millis()])?;
    sessions::open(db, session, caller.user, *now)?;
    let upgrade = Upgrade {
        account: AccountRow { user: caller.user, email: email.map(str::to_owned), password: None },
        registered: true,
        merged: false,
        session: session.open(caller.user, *now),
        ended,
    };
    upgrades::remember(db, key.as_ref(), &asking, &upgrade, *now)?;
    audit::record(db, &NewAuditEntry::registered(registration))?;
    Ok(RegisterOutcome::Registered(upgrade))
}

pub(super) fn merge_into_account(db: &Connection, request: &MergeRequest) -> rusqlite::Result<MergeOutcome> {
    let MergeRequest { caller, session, key, account: into, now, single_use, passkey, collections } = request;
    let Some(asking) = asking_session(db, caller, *now)? else { return Ok(MergeOutcome::SessionEnded) };
    let Some(account) = account(db, &AccountKey::User(*into))? else { return Ok(MergeOutcome::NoAccount) };
    if upgrades::is_used(db, key.as_ref())? {
        return Ok(MergeOutcome::KeyUsed);
    }
    if !passkey.as_ref().map_or(Ok(true), |used| update_passkey(db, used))? {
        return Ok(MergeOutcome::PasskeyChanged);
    }
    let Some(merged) = needs_merge(caller.user, asking.registered, *into) else {
        let is_first_use = ceremonies::use_proof_of_member(db, single_use.as_ref(), caller.user, *now)?;
        return Ok(if is_first_use { MergeOutcome::OtherMember } else { MergeOutcome::ProofUsed });
    };
    if let Some(single_use) = single_use
        && !ceremonies::use_proof(db, single_use, caller.user, *now)?
    {
        return Ok(MergeOutcome::ProofUsed);
    }
    let ended = if merged {
        let (guest, into_text) = (id_text(caller.user), id_text(*into));
        let ended = sessions::end_all(db, &guest, *now)?;
        merge::move_rows(db, collections, &guest, &into_text)?;
        db.prepare_cached("UPDATE anonymous_user SET merged_into = ?2, guest_tokens_until = ?3 WHERE id = ?1")?
            .execute(params![guest, into_text, last_expiry(&ended, *now).as_millis()])?;
        ended
    } else {
        sessions::revoke(db, caller.session, None, *now)?.into_iter().collect()
    };
    sessions::open(db, session, *into, *now)?;
    let upgrade = Upgrade { account, registered: false, merged, session: session.open(*into, *now), ended };
    upgrades::remember(db, key.as_ref(), &asking, &upgrade, *now)?;
    audit::record(db, &NewAuditEntry::logged_in(request))?;
    Ok(MergeOutcome::SignedIn(upgrade))
}

/// The session of the caller, if it is live, has refresh tokens and is still the session of that user.
fn asking_session(db: &Connection, caller: &Caller, now: Timestamp) -> rusqlite::Result<Option<SessionRow>> {
    let session = sessions::session(db, caller.session)?;
    Ok(session.filter(|session| session.user == caller.user && session.refreshable && session.is_live(now)))
}

pub(super) fn account(db: &Connection, key: &AccountKey) -> rusqlite::Result<Option<AccountRow>> {
    let account = |wanted: &str| format!("SELECT user_id, email, password_hash FROM account WHERE {wanted}");
    match key {
        AccountKey::User(id) => db.prepare_cached(&account("user_id = ?1"))?.query_row([id_text(*id)], account_row),
        AccountKey::Email(email) => db.prepare_cached(&account("email = ?1"))?.query_row([email], account_row),
        AccountKey::Passkey(id) => db
            .prepare_cached(&account("user_id = (SELECT user_id FROM passkey WHERE credential_id = ?1)"))?
            .query_row([id], account_row),
        AccountKey::Identity(Identity { issuer, subject }) => db
            .prepare_cached(&account(
                "user_id = (SELECT user_id FROM linked_identity WHERE issuer = ?1 AND subject = ?2)",
            ))?
            .query_row([issuer, subject], account_row),
    }
    .optional()
}

fn account_row(row: &Row<'_>) -> rusqlite::Result<AccountRow> {
    Ok(AccountRow {
        user: id_column(row, "user_id")?,
        email: row.get("email")?,
        password: row.get::<_, Option<String>>("password_hash")?.map(PasswordHash::new),
    })
}

pub(super) fn passkey(db: &Connection, credential_id: Vec<u8>) -> rusqlite::Result<Option<PasskeyRow>> {
    let data = db
        .prepare_cached("SELECT data FROM passkey WHERE credential_id = ?1")?
        .query_row([&credential_id], |row| row.get(0))
        .optional()?;
    Ok(data.map(|data| PasskeyRow { credential_id, data }))
}

/// Returns false if the passkey is no longer as it was checked.
fn update_passkey(db: &Connection, PasskeyUse { checked, data }: &PasskeyUse) -> rusqlite::Result<bool> {
    let changed = db
        .prepare_cached("UPDATE passkey SET data = ?3 WHERE credential_id = ?1 AND data = ?2")?
        .execute(params![checked.credential_id, checked.data, data])?;
    Ok(changed == 1)
}

pub(super) fn identities(db: &Connection, owner: &Owner) -> rusqlite::Result<Vec<Identity>> {
    db.prepare_cached("SELECT issuer, subject FROM linked_identity WHERE user_id = ?1 ORDER BY issuer, subject")?
        .query_map([&owner.id], |row| Ok(Identity { issuer: row.get("issuer")?, subject: row.get("subject")? }))?
        .collect()
}
