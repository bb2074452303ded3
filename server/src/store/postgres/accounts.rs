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
use super::{Error, PostgresStore, ceremonies, merge, time_column};
use crate::clock::Timestamp;
use crate::secret::PasswordHash;
use crate::store::{
    AccountKey, AccountRow, AccountStore, Caller, Ceremony, Identity, Membership, MergeOutcome, MergeRequest,
    NewCredential, PasskeyRow, PasskeyUse, RegisterOutcome, Registration, StoreError, Upgrade,
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

    async fn upgrades(&self, now: Timestamp) -> Result<Vec<Upgrade>, StoreError> {
        self.connections.run(move |db| Box::pin(upgrades(db, now))).await
    }
}

/// Every outcome except `Registered` and `Member` returns without a commit, so that it changes nothing.
pub(super) async fn register(db: &mut Client, registration: &Registration) -> Result<RegisterOutcome, Error> {
    let Registration { caller, now, email, credential, single_use } = registration;
    let transaction = db.transaction().await?;
    lock_user(&transaction, caller.user, "NO KEY UPDATE").await?;
    let Some(membership) = membership(&transaction, caller, LOCKED).await? else {
        return Ok(RegisterOutcome::SessionEnded);
    };
    if membership.registered || membership.merged_into.is_some() {
        if !ceremonies::use_proof_of_member(&transaction, single_use.as_ref(), caller.user, *now).await? {
            return Ok(RegisterOutcome::ProofUsed);
        }
        let account = account(&transaction, &AccountKey::User(caller.user)).await?;
        transaction.commit().await?;
        return Ok(account.map_or(RegisterOutcome::SessionEnded, RegisterOutcome::Member));
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
    let email = email.as_deref();
    let mut made = insert_account(&transaction, caller.user, email, password, *now).await?;
    if !made && matches!(credential, NewCredential::Identity(_)) {
        made = insert_account(&transaction, caller.user, None, password, *now).await?;
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
    let until = access_tokens_until(&transaction, caller.user).await?;
    let update = transaction
        .prepare_cached("UPDATE anonymous_user SET registered_at = $2, guest_tokens_until = $3 WHERE id = $1")
        .await?;
    transaction.execute(&update, &[&caller.user, &now.as_millis(), &until.as_millis()]).await?;
    transaction.commit().await?;
    Ok(RegisterOutcome::Registered(Upgrade { guest: caller.user, account: caller.user, until }))
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
    let MergeRequest { caller, account: into, now, single_use, passkey } = request;
    let transaction = db.transaction().await?;
    // The outcome of an earlier merge does not change, so it is read without a lock, except by a request that changes a passkey.
    if passkey.is_none()
        && let Some(decided) =
            membership(&transaction, caller, "").await?.and_then(|membership| membership.outcome_of(request))
    {
        ceremonies::use_proof_of_member(&transaction, single_use.as_ref(), caller.user, *now).await?;
        transaction.commit().await?;
        return Ok(decided);
    }
    lock_users(&transaction, caller.user, *into).await?;
    if account(&transaction, &AccountKey::User(*into)).await?.is_none_or(|account| account.user != *into) {
        return Ok(MergeOutcome::NoAccount);
    }
    let Some(membership) = membership(&transaction, caller, LOCKED).await? else {
        return Ok(MergeOutcome::SessionEnded);
    };
    if let Some(used) = passkey
        && !update_passkey(&transaction, used).await?
    {
        return Ok(MergeOutcome::PasskeyChanged);
    }
    if let Some(outcome) = membership.outcome_of(request) {
        if !ceremonies::use_proof_of_member(&transaction, single_use.as_ref(), caller.user, *now).await? {
            return Ok(MergeOutcome::ProofUsed);
        }
        transaction.commit().await?;
        return Ok(outcome);
    }
    if let Some(single_use) = single_use
        && !ceremonies::use_proof(&transaction, single_use, caller.user, *now).await?
    {
        return Ok(MergeOutcome::ProofUsed);
    }
    merge::move_rows(&transaction, caller.user, *into).await?;
    let until = merge::move_sessions(&transaction, caller.user, *into).await?;
    let update = transaction
        .prepare_cached("UPDATE anonymous_user SET merged_into = $2, guest_tokens_until = $3 WHERE id = $1")
        .await?;
    transaction.execute(&update, &[&caller.user, into, &until.as_millis()]).await?;
    transaction.commit().await?;
    Ok(MergeOutcome::Merged(Upgrade { guest: caller.user, account: *into, until }))
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

/// The lock that serializes this transaction with a revocation of the session.
const LOCKED: &str = "FOR NO KEY UPDATE OF session";

/// The membership of the caller. `None`: the user does not exist, or the session has ended.
async fn membership(
    transaction: &Transaction<'_>,
    caller: &Caller,
    lock: &'static str,
) -> Result<Option<Membership>, Error> {
    let query = format!(
        "SELECT registered_at IS NOT NULL AS registered, merged_into, coalesce(guest_tokens_until, 0) AS until
         FROM anonymous_user JOIN session ON user_id = coalesce(merged_into, anonymous_user.id)
         WHERE anonymous_user.id = $1 AND session.id = $2 AND revoked_at IS NULL {lock}"
    );
    let query = transaction.prepare_cached(&query).await?;
    let Some(row) = transaction.query_opt(&query, &[&caller.user, &caller.session]).await? else { return Ok(None) };
    Ok(Some(Membership {
        registered: row.try_get("registered")?,
        merged_into: row.try_get("merged_into")?,
        guest_tokens_until: time_column(&row, "until")?,
    }))
}

async fn access_tokens_until(transaction: &Transaction<'_>, user: Uuid) -> Result<Timestamp, Error> {
    let query = transaction
        .prepare_cached("SELECT coalesce(max(access_expires_at), 0) AS until FROM session WHERE user_id = $1")
        .await?;
    time_column(&transaction.query_one(&query, &[&user]).await?, "until")
}

pub(super) async fn account(db: &impl GenericClient, key: &AccountKey) -> Result<Option<AccountRow>, Error> {
    let account = |wanted: &str| format!("SELECT user_id, email, password_hash FROM account WHERE {wanted}");
    let row = match key {
        AccountKey::User(id) => {
            let wanted = "user_id = (SELECT coalesce(merged_into, id) FROM anonymous_user WHERE id = $1)";
            db.query_opt(&db.prepare_cached(&account(wanted)).await?, &[id]).await?
        }
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

pub(super) async fn upgrades(db: &Client, now: Timestamp) -> Result<Vec<Upgrade>, Error> {
    let query = db
        .prepare_cached(
            "SELECT id, coalesce(merged_into, id) AS account, guest_tokens_until AS until FROM anonymous_user
             WHERE member_in IS NOT NULL AND guest_tokens_until > $1",
        )
        .await?;
    let upgrade = |row: &Row| {
        Ok(Upgrade { guest: row.try_get("id")?, account: row.try_get("account")?, until: time_column(row, "until")? })
    };
    db.query(&query, &[&now.as_millis()]).await?.iter().map(upgrade).collect()
}

pub(super) async fn identities(db: &impl GenericClient, owner: &Owner) -> Result<Vec<Identity>, Error> {
    let query = db
        .prepare_cached("SELECT issuer, subject FROM linked_identity WHERE user_id = $1 ORDER BY issuer, subject")
        .await?;
    let identity = |row: &Row| Ok(Identity { issuer: row.try_get("issuer")?, subject: row.try_get("subject")? });
    db.query(&query, &[&owner.id]).await?.iter().map(identity).collect()
}
