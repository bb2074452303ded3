//! `guestpass keys`: lists the keys of a store, rotates them, and encrypts them.

use std::io::Write;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use guestpass_server::{
    KeyAdmin, KeyEncryptionKey, KeyInfo, KeyScope, OpenError, RotationError, StoreError, StoreLocation,
};

use crate::CommandError;
use crate::config::{KeyEncryptionArgs, StoreArgs, duration};
use crate::settings::Sources;

/// Lists, rotates and encrypts the keys that sign tokens.
///
/// These commands read and write the keys in the store. They need no running server, and any number of servers can be running
/// on the store: each reads the keys every two seconds, and uses a new key without a restart.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct KeysArgs {
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    List(ListArgs),
    Rotate(RotateArgs),
    NewEncryptionKey(NewEncryptionKeyArgs),
    Encrypt(EncryptArgs),
    Decrypt(DecryptArgs),
}

/// Lists all keys: what each key signs, until when it verifies, and how it is stored. Shows no secret.
///
/// next: published, and does not sign yet. signing: signs every new token. verifying: does not sign; it is dropped when the
/// last token that it has signed expires.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
struct ListArgs {
    #[command(flatten)]
    store: StoreArgs,
}

/// Creates new keys for access tokens and for refresh tokens.
///
/// The new keys are published at /.well-known/jwks.json within seconds, and sign after --notice: services that verify tokens
/// cache the published keys. The older keys verify until their last token has expired; then they are dropped. Sessions
/// continue. If new keys are waiting already, another rotation creates no more keys; it can only make the waiting keys sign
/// earlier.
///
/// The algorithm stays the same. To change it, start the server with another --algorithm.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_help = EXAMPLES)]
struct RotateArgs {
    #[command(flatten)]
    store: StoreArgs,

    #[command(flatten)]
    key_encryption: KeyEncryptionArgs,

    /// How long the new keys are published before they sign; at least 5s. Services may cache the published keys for 5 minutes,
    /// and some libraries cache them for 10.
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = duration)]
    notice: Duration,

    /// For keys that may be known to an attacker: the new keys sign immediately, and the old keys are dropped immediately.
    /// Every access token that was issued before is then refused. With `access`, clients refresh and continue; with `all`,
    /// every session ends, and guests cannot get back to their data.
    #[arg(long, value_name = "WHICH", conflicts_with = "notice")]
    leaked: Option<Leaked>,
}

/// Prints a new key-encryption key. Stores nothing.
///
/// Keep it apart from the store and its backups: a backup whose key-encryption key is lost has no keys, and every session ends.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_help = NEW_KEY_EXAMPLES)]
struct NewEncryptionKeyArgs {}

/// Encrypts all keys of the store with the first key-encryption key.
///
/// Reads keys in plain text, and keys that any of the given key-encryption keys has encrypted. All keys change in one
/// transaction. Before it, every running server must have been started with the same key-encryption keys, in any order: then
/// each server can read the keys at any time.
///
/// Backups that were made before still have the keys as they were. If they were in plain text, rotate the keys afterwards.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_help = ENCRYPT_EXAMPLES)]
struct EncryptArgs {
    #[command(flatten)]
    store: StoreArgs,

    #[command(flatten)]
    key_encryption: KeyEncryptionArgs,
}

/// Stores all keys in plain text. Afterwards servers can be started without a key-encryption key.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
struct DecryptArgs {
    #[command(flatten)]
    store: StoreArgs,

    #[command(flatten)]
    key_encryption: KeyEncryptionArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Leaked {
    /// The keys of access tokens.
    Access,
    /// All keys, for example if a copy of the store was stolen.
    All,
}

impl Leaked {
    pub(crate) fn scope(self) -> KeyScope {
        match self {
            Self::Access => KeyScope::AccessTokens,
            Self::All => KeyScope::AllTokens,
        }
    }
}
const NEW_KEY_EXAMPLES: &str = "\
Examples:
  (umask 077 && guestpass keys new-encryption-key > /etc/guestpass/kek)";

const ENCRYPT_EXAMPLES: &str = "\
Examples:
  guestpass keys encrypt --key-encryption-key-file /etc/guestpass/kek

Replace the key-encryption key. The file has one key a line: the first encrypts, and the others decrypt.
  1. Add the new key as the second line of the file on each node, and restart the nodes one by one.
  2. Move it to the first line on one node, and run there: guestpass keys encrypt --key-encryption-key-file FILE
  3. Remove the old key from the file on each node, and restart the nodes one by one.";

const EXAMPLES: &str = "\
Examples:
  guestpass keys rotate --store sqlite:/var/lib/guestpass/guests.db
  guestpass keys rotate --leaked access";

pub(crate) fn run(args: KeysArgs, sources: &Sources) -> Result<(), CommandError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| CommandError::Running(format!("tokio could not be started: {error}")))?;
    runtime.block_on(async {
        match args.command {
            KeysCommand::NewEncryptionKey(NewEncryptionKeyArgs {}) => print_new_key(),
            KeysCommand::List(ListArgs { store }) => {
                with_key_admin(&store, &[], sources, async |keys| Ok(keys.list().await?)).await
            }
            KeysCommand::Encrypt(EncryptArgs { store, key_encryption }) => {
                let keks = key_encryption.key_encryption_keys;
                with_key_admin(&store, &keks, sources, async |keys| keys.encrypt().await).await
            }
            KeysCommand::Decrypt(DecryptArgs { store, key_encryption }) => {
                let keks = key_encryption.key_encryption_keys;
                with_key_admin(&store, &keks, sources, async |keys| keys.decrypt().await).await
            }
            KeysCommand::Rotate(RotateArgs { store, key_encryption, notice, leaked }) => {
                let keks = key_encryption.key_encryption_keys;
                with_key_admin(&store, &keks, sources, async |keys| match leaked {
                    None => keys.rotate(notice).await,
                    Some(leaked) => keys.replace(leaked.scope()).await,
                })
                .await
            }
        }
    })
}

fn print_new_key() -> Result<(), CommandError> {
    let key = KeyEncryptionKey::generate();
    let key = key.ok_or_else(|| CommandError::Running("the operating system's random generator failed".to_owned()))?;
    let written = writeln!(std::io::stdout(), "{key}");
    written.map_err(|error| CommandError::Running(format!("the key could not be printed: {error}")))
}

/// Runs `command` on the keys of the store, and prints the keys that it returns.
async fn with_key_admin(
    StoreArgs { store }: &StoreArgs,
    key_encryption_keys: &[KeyEncryptionKey],
    sources: &Sources,
    command: impl AsyncFnOnce(&KeyAdmin) -> Result<Vec<KeyInfo>, RotationError>,
) -> Result<(), CommandError> {
    let admin = KeyAdmin::open(store).await.map_err(|error| CommandError::opening(&error, sources))?;
    let admin = admin.with_key_encryption(key_encryption_keys);
    let result = command(&admin).await;
    admin.close().await;
    match result {
        Ok(keys) => {
            // A closed standard output does not change the exit code.
            let _ = std::io::stdout().write_all(table(&keys).as_bytes());
            Ok(())
        }
        Err(RotationError::ShortNotice) => {
            Err(CommandError::Configuration(format!("--notice: {}", RotationError::ShortNotice)))
        }
        Err(RotationError::Store(error @ StoreError::Keys(_))) => Err(CommandError::Configuration(error.to_string())),
        Err(RotationError::Store(error)) => Err(CommandError::opening(&store_error(store, error), sources)),
        Err(error) => Err(CommandError::Running(error.to_string())),
    }
}

fn store_error(location: &StoreLocation, error: StoreError) -> OpenError {
    OpenError::Store { location: location.clone(), error }
}

/// One key a line, in columns.
fn table(keys: &[KeyInfo]) -> String {
    let rows = keys.iter().map(|key| {
        [
            key.name.clone(),
            key.kind.to_string(),
            key.state.to_string(),
            key.signs_from.rfc3339(),
            key.verifies_until.map_or_else(|| "-".to_owned(), |until| until.rfc3339()),
            key.encrypted_by.map_or_else(|| "plain text".to_owned(), |id| format!("encrypted by {id}")),
        ]
    });
    crate::table::table(["KEY", "SIGNS", "STATE", "SIGNS FROM", "VERIFIES UNTIL", "STORED"], rows)
}
