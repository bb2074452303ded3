//! Passwords, hashed with argon2id. A hash is slow by design, so few are computed at a time, on threads for blocking work.

use std::fmt;
use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use tokio::sync::Semaphore;
use zxcvbn::{Score, zxcvbn};

use super::{AccountError, EmailAddress};
use crate::auth::UnavailableError;
use crate::secret::PasswordHash;

/// The least length of a password in characters (NIST SP 800-63B §3.1.1.2).
const MIN_CHARACTERS: usize = 8;
/// The greatest length of a password in bytes.
const MAX_BYTES: usize = 1024;
/// The least score of an accepted password: it takes 10⁸ guesses or more. Common passwords and their variations have less.
const MIN_SCORE: Score = Score::Three;
/// The number of requests that may wait for their turn. Further requests are refused with 503.
const QUEUE: usize = 64;
/// A hash that matches no password, with the parameters of a new hash, so that checking it takes the same time.
const DECOY: &str = "$argon2id$v=19$m=19456,t=2,p=1$Z3Vlc3RwYXNzLWRlY295IQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// A password as the client sent it. `Debug` hides it from logs.
#[derive(Clone)]
pub(crate) struct Password(String);

impl Password {
    /// # Errors
    /// The password is longer than any accepted password.
    pub(crate) fn new(text: String) -> Result<Self, AccountError> {
        if text.len() > MAX_BYTES { Err(AccountError::PasswordTooLong) } else { Ok(Self(text)) }
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// Hashes and checks passwords.
#[derive(Debug)]
pub(crate) struct Passwords {
    /// Limits the hashes that are computed at a time. Each takes one core and 19 MiB.
    running: Arc<Semaphore>,
    /// Limits the requests that wait for `running`.
    waiting: Semaphore,
}

impl Passwords {
    pub(crate) fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        // One core is left for all other work.
        Self { running: Arc::new(Semaphore::new(cores.saturating_sub(1).max(1))), waiting: Semaphore::new(QUEUE) }
    }

    /// Hashes a new password, unless it is too easy to guess.
    pub(crate) async fn hash(
        &self,
        Password(password): Password,
        email: &EmailAddress,
    ) -> Result<PasswordHash, AccountError> {
        if password.chars().count() < MIN_CHARACTERS {
            return Err(AccountError::PasswordTooShort);
        }
        let email = email.clone();
        let hash = self.run(move || {
            let local_part = email.as_str().split('@').next().unwrap_or_default();
            if zxcvbn(&password, &[email.as_str(), local_part, "guestpass"]).score() < MIN_SCORE {
                return Ok(None);
            }
            Argon2::default().hash_password(password.as_bytes()).map(|hash| Some(PasswordHash::new(hash.to_string())))
        });
        match hash.await? {
            Ok(Some(hash)) => Ok(hash),
            Ok(None) => Err(AccountError::PasswordTooCommon),
            Err(error) => {
                tracing::error!(%error, "a password could not be hashed");
                Err(UnavailableError::Task.into())
            }
        }
    }

    /// Whether the password matches `hash`. Without a hash it does not match, and the check takes the same time.
    pub(crate) async fn is_right(
        &self,
        hash: Option<PasswordHash>,
        Password(password): Password,
    ) -> Result<bool, AccountError> {
        let is_known = hash.is_some();
        let is_right = self.run(move || {
            let hash = hash.as_ref().map_or(DECOY, PasswordHash::expose);
            Argon2::default().verify_password(password.as_bytes(), hash).is_ok()
        });
        Ok(is_right.await? && is_known)
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, AccountError> {
        let waiting = self.waiting.try_acquire().map_err(|_| AccountError::Busy)?;
        let running = Arc::clone(&self.running).acquire_owned().await.map_err(|_| UnavailableError::Task)?;
        drop(waiting);
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(running);
            done
        });
        Ok(done.await.map_err(|_| UnavailableError::Task)?)
    }
}

#[cfg(test)]
mod tests {
    use argon2::password_hash::phc;

    use super::*;

    fn email() -> EmailAddress {
        EmailAddress::parse("ada.lovelace@example.com").unwrap()
    }

    fn password(text: &str) -> Password {
        Password::new(text.to_owned()).unwrap()
    }

    #[tokio::test]
    async fn a_password_matches_only_its_own_hash() {
        let passwords = Passwords::new();
        let hash = passwords.hash(password("correct horse battery"), &email()).await.unwrap();

        assert!(hash.expose().starts_with("$argon2id$v=19$"), "{}", hash.expose());
        assert!(passwords.is_right(Some(hash.clone()), password("correct horse battery")).await.unwrap());
        assert!(!passwords.is_right(Some(hash.clone()), password("correct horse batterz")).await.unwrap());
        assert_ne!(passwords.hash(password("correct horse battery"), &email()).await.unwrap(), hash, "no salt");
        assert!(!format!("{hash:?} {:?}", password("correct horse battery")).contains("horse"));
    }

    #[tokio::test]
    async fn a_short_long_or_common_password_is_refused() {
        let passwords = Passwords::new();
        let code_of = async |text: &str| passwords.hash(password(text), &email()).await.unwrap_err().code();

        assert_eq!(code_of("").await, "password_too_short");
        assert_eq!(code_of("1234567").await, "password_too_short");
        assert_eq!(code_of("äöüßé€☕").await, "password_too_short");
        for common in [
            "password",
            "password1",
            "12345678",
            "qwertyuiop",
            "Passw0rd!",
            "iloveyou",
            "aaaaaaaaaaaa",
            "ada.lovelace",
            "ada.lovelace1",
            "guestpass",
        ] {
            assert_eq!(code_of(common).await, "password_too_common", "{common}");
        }
        assert_eq!(Password::new("x".repeat(1025)).unwrap_err().code(), "password_too_long");
    }

    #[test]
    fn the_decoy_takes_as_long_as_a_new_hash() {
        let decoy = phc::PasswordHash::new(DECOY).unwrap();
        let new = Argon2::default().hash_password(b"any").unwrap();

        assert_eq!(decoy.algorithm, new.algorithm);
        assert_eq!(decoy.version, new.version);
        assert_eq!(decoy.params.to_string(), new.params.to_string());
        assert_eq!(decoy.hash.unwrap().len(), new.hash.unwrap().len());
    }

    #[tokio::test]
    async fn without_a_hash_no_password_matches() {
        assert!(!Passwords::new().is_right(None, password("anything at all")).await.unwrap());
    }

    #[tokio::test]
    async fn few_passwords_are_checked_at_a_time_and_few_requests_wait() {
        let passwords = Passwords { running: Arc::new(Semaphore::new(0)), waiting: Semaphore::new(1) };
        let first = passwords.is_right(None, password("first"));
        let mut first = std::pin::pin!(first);
        assert!(tokio::time::timeout(std::time::Duration::ZERO, &mut first).await.is_err(), "it did not wait");

        let second = passwords.is_right(None, password("second")).await;

        assert_eq!(second.unwrap_err().code(), "unavailable");
        passwords.running.add_permits(1);
        assert!(!first.await.unwrap());
    }
}
