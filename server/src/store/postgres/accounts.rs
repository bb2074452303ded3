//! Accounts: registrations and merges.
//!
//! All transactions of this store lock rows in the same order, so that there are no deadlocks: users in the order of their ids,
//! then their sessions, then the rows that refer to those. A transaction that learns late which rows it needs releases its locks
//! and begins again. A merge locks the guest against all other writers of the guest's rows (`FOR UPDATE`; writers hold
//! `FOR NO KEY UPDATE`, and referring rows hold `FOR KEY SHARE`), and the account only against other changes of the account.

use async_trait::async_trait;
use deadpool_postgres::{Client, GenericClient, Transaction};
use tokio_postgres::Row;
use uuid::Uuid;

use super::guests::Owner;
use super::{Error, PostgresStore, audit, ceremonies, merge, sessions, upgrades};
use crate::clock::Timestamp;
use crate::secret::PasswordHash;
use crate::store::{
    AccountKey, AccountRow, AccountStore, Caller, Ceremony, Identity, MergeOutcome, MergeRequest, NewAuditEntry,
    NewCredential, PasskeyRow, PasskeyUse, RegisterOutcome, Registration, RetryOutcome, SessionRow, StoreError,
    Upgrade, UpgradeRetry, last_expiry, needs_merge,
};

#[async_trait]
impl AccountStore for PostgresStore {
    async fn register(&self, registration: Registration) -> Result<RegisterOutcome, StoreError> {
        self.connections.run(move |db| Box::pin(async move { register(db, &registration).await })).await
    }

    async fn merge_into_account(&self, request: MergeRequest) -> Result<MergeOutcome, StoreError> {
        self.connections.run(move |db| Box::pin(async move { merge_into_account(db, &request).await })).await
    }

    async fn account(&self, key: AccountKey) -> Result<Option<AccountRow>, StoreError> {
        self.connections.run(move |db| Box::pin(async move { account(&*db, &key).await })).await
    }

    async fn passkey(&self, credential_id: Vec<u8>) -> Result<Option<PasskeyRow>, StoreError> {
        self.connections.run(move |db| Box::pin(passkey(db, credential_id))).await
    }

    async fn begin_ceremony(&self, ceremony: Ceremony) -> Result<bool, StoreError> {
        self.connections.run(move |db| Box::pin(async move { ceremonies::begin(db, &ceremony).await })).await
    }

    async fn ceremony(&self, id: Uuid, user: Uuid, now: Timestamp) -> Result<Option<String>, StoreError> {
        self.connections.run(move |db| Box::pin(ceremonies::state(db, id, user, now))).await
    }

    async fn end_ceremony(&self, id: Uuid) -> Result<(), StoreError> {
        self.connections.run(move |db| Box::pin(ceremonies::end(db, id))).await
    }

    async fn repeat_upgrade(&self, retry: UpgradeRetry) -> Result<RetryOutcome, StoreError> {
        self.connections.run(move |db| Box::pin(async move { upgrades::repeat(db, &retry).await })).await
    }
}

/// Every outcome except `Registered` and `AlreadyMember` returns without a commit, so that it changes nothing.
pub(super) async fn register(db: &mut Client, registration: &Registration) -> Result<RegisterOutcome, Error> {
    let Registration { caller, session, key, now, email, credential, single_use } = registration;
    let transaction = db.transaction().await?;
    lock_user(&transaction, caller.user, "NO KEY UPDATE").await?;
    let Some(asking) = asking_session(&transaction, caller, *now).await? else {
        return Ok(RegisterOutcome::SessionEnded);
    };
    if asking.registered {
        if !ceremonies::use_proof_of_member(&transaction, single_use.as_ref(), caller.user, *now).await? {
            return Ok(RegisterOutcome::ProofUsed);
        }
        transaction.commit().await?;
        return Ok(RegisterOutcome::AlreadyMember);
    }
    if let Some(single_use) = single_use
        && !ceremonies::use_proof(&transaction, single_use, caller.user, *now).await?
    {
        return Ok(RegisterOutcome::ProofUsed);
    }
    let password = match credential {
        NewCredential::Password(hash) => Some(hash.expose()),
        NewCredential::Passkey(_) | NewCredential::Identity(_) => None,
    };
    let mut email = email.as_deref();
    let mut made = insert_account(&transaction, caller.user, email, password, *now).await?;
    if !made && matches!(credential, NewCredential::Identity(_)) {
        email = None;
        made = insert_account(&transaction, caller.user, email, password, *now).await?;
    }
    if !made {
        return Ok(RegisterOutcome::EmailTaken);
    }
    let added = match credential {
        NewCredential::Password(_) => 1,
        NewCredential::Passkey(PasskeyRow { credential_id, data }) => {
            let insert = transaction
                .prepare_cached(
                    "INSERT INTO passkey (credential_id, user_id, data, created_at) VALUES ($1, $2, $3, $4)
                     ON CONFLICT DO NOTHING",
                )
                .await?;
            transaction.execute(&insert, &[credential_id, &caller.user, data, &now.as_millis()]).await?
        }
        NewCredential::Identity(Identity { issuer, subject }) => {
            let insert = transaction
                .prepare_cached(
                    "INSERT INTO linked_identity (issuer, subject, user_id, created_at) VALUES ($1, $2, $3, $4)
                     ON CONFLICT DO NOTHING",
                )
                .await?;
            transaction.execute(&insert, &[issuer, subject, &caller.user, &now.as_millis()]).await?
        }
    };
    if added == 0 {
        return Ok(RegisterOutcome::CredentialTaken);
    }
    let ended = sessions::end_all(&transaction, caller.user, *now).await?;
    let until = last_expiry(&ended, *now);
    let update = transaction
        .prepare_cached("UPDATE anonymous_user SET registered_at = $2, guest_tokens_until = $3 WHERE id = $1")
        .await?;
    transaction.execute(&update, &[&caller.user, &now.as_millis(), &until.as_millis()]).await?;
    sessions::open(&transaction, session, caller.user, *now).await?;
    let upgrade = Upgrade {
        account: AccountRow { user: caller.user, email: email.map(str::to_owned), password: None },
        registered: true,
        merged: false,
        session: session.open(caller.user, *now),
        ended,
    };
    if !upgrades::remember(&transaction, key.as_ref(), &asking, &upgrade, *now).await? {
        return Ok(RegisterOutcome::KeyUsed);
    }
    audit::record(&transaction, &NewAuditEntry::registered(registration)).await?;
    transaction.commit().await?;
    Ok(RegisterOutcome::Registered(upgrade))
}

/// Returns false if the e-mail address is taken. Of two concurrent registrations, the second waits for the first.
async fn insert_account(
    transaction: &Transaction<'_>,
    user: Uuid,
    email: Option<&str>,
    password: Option<&str>,
    now: Timestamp,
) -> Result<bool, Error> {
    let insert = transaction
        .prepare_cached(
            "INSERT INTO account (user_id, email, password_hash, created_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (email) DO NOTHING",
        )
        .await?;
    Ok(transaction.execute(&insert, &[&user, &email, &password, &now.as_millis()]).await? == 1)
}

pub(super) async fn merge_into_account(db: &mut Client, request: &MergeRequest) -> Result<MergeOutcome, Error> {
    let MergeRequest { caller, session, key, account: into, now, single_use, passkey, collections } = request;
    let transaction = db.transaction().await?;
    lock_users(&transaction, caller.user, *into).await?;
    let Some(account) = account(&transaction, &AccountKey::User(*into)).await? else {
        return Ok(MergeOutcome::NoAccount);
    };
    let Some(asking) = asking_session(&transaction, caller, *now).await? else {
        return Ok(MergeOutcome::SessionEnded);
    };
    if let Some(used) = passkey
        && !update_passkey(&transaction, used).await?
    {
        return Ok(MergeOutcome::PasskeyChanged);
    }
    let Some(merged) = needs_merge(caller.user, asking.registered, *into) else {
        if !ceremonies::use_proof_of_member(&transaction, single_use.as_ref(), caller.user, *now).await? {
            return Ok(MergeOutcome::ProofUsed);
        }
        transaction.commit().await?;
        return Ok(MergeOutcome::OtherMember);
    };
    if let Some(single_use) = single_use
        && !ceremonies::use_proof(&transaction, single_use, caller.user, *now).await?
    {
        return Ok(MergeOutcome::ProofUsed);
    }
    let ended = if merged {
        let ended = sessions::end_all(&transaction, caller.user, *now).await?;
        merge::move_rows(&transaction, collections, caller.user, *into).await?;
        let until = last_expiry(&ended, *now);
        let update = transaction
            .prepare_cached("UPDATE anonymous_user SET merged_into = $2, guest_tokens_until = $3 WHERE id = $1")
            .await?;
        transaction.execute(&update, &[&caller.user, into, &until.as_millis()]).await?;
        ended
    } else {
        sessions::revoke_in(&transaction, caller.session, None, *now).await?.into_iter().collect()
    };
    sessions::open(&transaction, session, *into, *now).await?;
    let upgrade = Upgrade { account, registered: false, merged, session: session.open(*into, *now), ended };
    if !upgrades::remember(&transaction, key.as_ref(), &asking, &upgrade, *now).await? {
        return Ok(MergeOutcome::KeyUsed);
    }
    audit::record(&transaction, &NewAuditEntry::logged_in(request)).await?;
    transaction.commit().await?;
    Ok(MergeOutcome::SignedIn(upgrade))
}

/// Locks both users, in the order of their ids.
async fn lock_users(transaction: &Transaction<'_>, guest: Uuid, account: Uuid) -> Result<(), Error> {
    if guest < account {
        lock_user(transaction, guest, "UPDATE").await?;
    }
    lock_user(transaction, account, "NO KEY UPDATE").await?;
    if guest > account {
        lock_user(transaction, guest, "UPDATE").await?;
    }
    Ok(())
}

async fn lock_user(transaction: &Transaction<'_>, user: Uuid, strength: &'static str) -> Result<(), Error> {
    let query = format!("SELECT FROM anonymous_user WHERE id = $1 FOR {strength}");
    let query = transaction.prepare_cached(&query).await?;
    transaction.query_opt(&query, &[&user]).await?;
    Ok(())
}

/// The session of the caller, if it is live, has refresh tokens and is still the session of that user. Locked, so that this
/// transaction and a revocation of the session are serialized.
async fn asking_session(
    transaction: &Transaction<'_>,
    caller: &Caller,
    now: Timestamp,
) -> Result<Option<SessionRow>, Error> {
    let session = sessions::locked(transaction, caller.session).await?;
    Ok(session.filter(|session| session.user == caller.user && session.refreshable && session.is_live(now)))
}

pub(super) async fn account(db: &impl GenericClient, key: &AccountKey) -> Result<Option<AccountRow>, Error> {
    let account = |wanted: &str| format!("SELECT user_id, email, password_hash FROM account WHERE {wanted}");
    let row = match key {
        AccountKey::User(id) => db.query_opt(&db.prepare_cached(&account("user_id = $1")).await?, &[id]).await?,
        AccountKey::Email(email) => db.query_opt(&db.prepare_cached(&account("email = $1")).await?, &[email]).await?,
        AccountKey::Passkey(id) => {
            let wanted = "user_id = (SELECT user_id FROM passkey WHERE credential_id = $1)";
            db.query_opt(&db.prepare_cached(&account(wanted)).await?, &[id]).await?
        }
        AccountKey::Identity(Identity { issuer, subject }) => {
            let wanted = "user_id = (SELECT user_id FROM linked_identity WHERE issuer = $1 AND subject = $2)";
            db.query_opt(&db.prepare_cached(&account(wanted)).await?, &[issuer, subject]).await?
        }
    };
    row.as_ref().map(account_row).transpose()
}

fn account_row(row: &Row) -> Result<AccountRow, Error> {
    Ok(AccountRow {
        user: row.try_get("user_id")?,
        email: row.try_get("email")?,
        password: row.try_get::<_, Option<String>>("password_hash")?.map(PasswordHash::new),
    })
}

pub(super) async fn passkey(db: &Client, credential_id: Vec<u8>) -> Result<Option<PasskeyRow>, Error> {
    let query = db.prepare_cached("SELECT data FROM passkey WHERE credential_id = $1").await?;
    let row = db.query_opt(&query, &[&credential_id]).await?;
    row.map(|row| Ok(PasskeyRow { credential_id, data: row.try_get(0)? })).transpose()
}

/// Returns false if the passkey is no longer as it was checked.
async fn update_passkey(
    transaction: &Transaction<'_>,
    PasskeyUse { checked, data }: &PasskeyUse,
) -> Result<bool, Error> {
    let update =
        transaction.prepare_cached("UPDATE passkey SET data = $3 WHERE credential_id = $1 AND data = $2").await?;
    Ok(transaction.execute(&update, &[&checked.credential_id, &checked.data, data]).await? == 1)
}

pub(super) async fn identities(db: &impl GenericClient, owner: &Owner) -> Result<Vec<Identity>, Error> {
    let query = db
        .prepare_cached("SELECT issuer, subject FROM linked_identity WHERE user_id = $1 ORDER BY issuer, subject")
        .await?;
    let identity = |row: &Row| Ok(Identity { issuer: row.try_get("issuer")?, subject: row.try_get("subject")? });
    db.query(&query, &[&owner.id]).await?.iter().map(identity).collect()
}
