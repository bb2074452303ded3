//! Passwords, hashed with argon2id. A hash is slow by design, and the estimate of how easy a password is to guess can be. So few
//! are computed at a time, on threads for blocking work, and the clients share them fairly (S14).

use std::borrow::Cow;
use std::fmt;

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use precis_profiles::OpaqueString;
use precis_profiles::precis_core::profile::PrecisFastInvocation;
use zxcvbn::{Score, zxcvbn};

use super::{AccountError, EmailAddress};
use crate::auth::UnavailableError;
use crate::limits::{ClientNetwork, FairQueue, QueueFull, Share};
use crate::secret::PasswordHash;

/// The least length of a password in characters (NIST SP 800-63B §3.1.1.2).
const MIN_CHARACTERS: usize = 8;
/// The greatest length of a password in bytes.
const MAX_BYTES: usize = 1024;
/// The least score of an accepted password: it takes 10⁸ guesses or more. Common passwords and their variations have less.
const MIN_SCORE: Score = Score::Three;
/// How many characters of a password are judged. The time of an estimate grows with the square of the length and more: with
/// look-alikes of letters, 24 characters take 26 ms at most, and 100 take 510 ms. 24 characters are enough for the best score.
const JUDGED_CHARACTERS: usize = 24;
/// The number of requests that may wait in each queue: some seconds of work. Further requests are refused with 503.
const QUEUE: usize = 128;
/// A hash that matches no password, with the parameters of a new hash, so that checking it takes the same time.
const DECOY: &str = "$argon2id$v=19$m=19456,t=2,p=1$Z3Vlc3RwYXNzLWRlY295IQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// A password. `Debug` hides it from logs.
///
/// It is compared as an OpaqueString (RFC 8265 §4.2): in NFC, with every space as U+0020, so that the letters of one password are
/// the same from every keyboard. Case and width are kept.
#[derive(Clone)]
pub(crate) struct Password {
    text: String,
    /// The password as the client sent it, if that differs: older versions hashed this.
    as_sent: Option<String>,
    /// Whether the profile allows every character of it.
    is_allowed: bool,
    /// The client whose share of the queues the password takes.
    share: Share,
}

impl Password {
    /// # Errors
    /// The password is longer than any accepted password.
    pub(crate) fn new(text: String, client: Option<ClientNetwork>) -> Result<Self, AccountError> {
        let enforced = OpaqueString::enforce(text.as_str()).map(Cow::into_owned);
        let is_allowed = enforced.is_ok() || text.is_empty();
        let (text, as_sent) = match enforced {
            Ok(enforced) if enforced != text => (enforced, Some(text).filter(|sent| sent.len() <= MAX_BYTES)),
            Ok(_) | Err(_) => (text, None),
        };
        if text.len() > MAX_BYTES {
            return Err(AccountError::PasswordTooLong);
        }
        Ok(Self { text, as_sent, is_allowed, share: client.map(ClientNetwork::allocation) })
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// Judges, hashes and checks passwords.
#[derive(Debug)]
pub(crate) struct Passwords {
    /// Separate from `hashes`, so that logins do not wait for the estimates of registrations.
    estimates: FairQueue,
    /// Each hash takes one core and 19 MiB.
    hashes: FairQueue,
}

impl Passwords {
    pub(crate) fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        // One core is left for all other work.
        let hashes = FairQueue::new(cores.saturating_sub(1).max(1), QUEUE);
        Self { estimates: FairQueue::new(cores.div_ceil(4), QUEUE), hashes }
    }

    /// Hashes a new password, unless it is too easy to guess.
    pub(crate) async fn hash(
        &self,
        Password { text, is_allowed, share, .. }: Password,
        email: &EmailAddress,
    ) -> Result<PasswordHash, AccountError> {
        if !is_allowed {
            return Err(AccountError::PasswordNotAllowed);
        }
        if text.chars().count() < MIN_CHARACTERS {
            return Err(AccountError::PasswordTooShort);
        }
        let (judged, email) = (text.clone(), email.clone());
        if !run(&self.estimates, share, move || is_hard_to_guess(&judged, email.as_str())).await? {
            return Err(AccountError::PasswordTooCommon);
        }
        let hash = run(&self.hashes, share, move || {
            Argon2::default().hash_password(text.as_bytes()).map(|hash| PasswordHash::new(hash.to_string()))
        });
        hash.await?.map_err(|error| {
            tracing::error!(%error, "a password could not be hashed");
            UnavailableError::Task.into()
        })
    }

    /// Whether the password matches `hash`. Without a hash it does not match, and the check takes the same time.
    pub(crate) async fn is_right(
        &self,
        hash: Option<PasswordHash>,
        Password { text, as_sent, share, .. }: Password,
    ) -> Result<bool, AccountError> {
        let is_known = hash.is_some();
        let is_right = run(&self.hashes, share, move || {
            let hash = hash.as_ref().map_or(DECOY, PasswordHash::expose);
            let matches = |text: &String| Argon2::default().verify_password(text.as_bytes(), hash).is_ok();
            matches(&text) || as_sent.as_ref().is_some_and(matches)
        });
        Ok(is_right.await? && is_known)
    }
}

fn is_hard_to_guess(password: &str, email: &str) -> bool {
    let local_part = email.split('@').next().unwrap_or_default();
    // The beginning of a long address, because of a long password only the beginning is judged.
    let related = [email, beginning(email), local_part, beginning(local_part), "guestpass"];
    zxcvbn(beginning(password), &related).score() >= MIN_SCORE
}

/// The characters of a text that are judged.
fn beginning(text: &str) -> &str {
    let end = text.char_indices().nth(JUDGED_CHARACTERS).map_or(text.len(), |(end, _)| end);
    &text[..end]
}

/// Waits for the turn of the client, and does the work on a thread for blocking work.
async fn run<T: Send + 'static>(
    queue: &FairQueue,
    share: Share,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, AccountError> {
    let turn = queue.turn(share).await?;
    let done = tokio::task::spawn_blocking(move || {
        let done = work();
        // Also if the client has disconnected: the next request begins when this work has ended.
        drop(turn);
        done
    });
    Ok(done.await.map_err(|_| UnavailableError::Task)?)
}

impl From<QueueFull> for AccountError {
    fn from(QueueFull: QueueFull) -> Self {
        Self::Busy
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::time::Duration;

    use argon2::password_hash::phc;
    use tokio::time::timeout;

    use super::*;

    fn email() -> EmailAddress {
        EmailAddress::parse("ada.lovelace@example.com").unwrap()
    }

    fn password(text: &str) -> Password {
        Password::new(text.to_owned(), None).unwrap()
    }

    /// A password from the client at this address.
    fn password_from(address: &str, text: &str) -> Password {
        Password::new(text.to_owned(), Some(address.parse::<IpAddr>().unwrap().into())).unwrap()
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
        assert_eq!(Password::new("x".repeat(1025), None).unwrap_err().code(), "password_too_long");
    }

    /// The examples of RFC 8265 §4.3, and texts that keyboards send in several ways.
    #[tokio::test]
    async fn a_password_is_compared_as_an_opaque_string() {
        let passwords = Passwords::new();
        for (registered, typed, matches) in [
            ("correct horse battery staple", "Correct Horse Battery Staple", false),
            ("πßåπßåπßå horse", "πßåπßåπßå horse", true),
            ("Jack of \u{2666}s battery", "Jack of \u{2666}s battery", true),
            ("foo bar horse battery", "foo\u{1680}bar\u{a0}horse\u{3000}battery", true),
            ("crème brûlée à Zürich", "cre\u{300}me bru\u{302}le\u{301}e a\u{300} Zu\u{308}rich", true),
            ("cre\u{300}me bru\u{302}le\u{301}e a\u{300} Zu\u{308}rich", "crème brûlée à Zürich", true),
            // Width is not mapped.
            ("horse battery １２３", "horse battery 123", false),
        ] {
            let hash = passwords.hash(password(registered), &email()).await.unwrap();
            assert_eq!(
                passwords.is_right(Some(hash), password(typed)).await.unwrap(),
                matches,
                "{registered}, {typed}"
            );
        }
        for refused in ["my cat is a \u{9}by", "horse battery \u{200d}", "horse \u{378} battery"] {
            let refused = passwords.hash(password(refused), &email()).await;
            assert_eq!(refused.unwrap_err().code(), "password_not_allowed");
        }
    }

    #[tokio::test]
    async fn a_hash_of_an_older_version_is_of_the_password_as_it_was_sent() {
        let passwords = Passwords::new();
        for sent in ["cre\u{300}me bru\u{302}le\u{301}e a\u{300} Zu\u{308}rich", "my cat is a \u{9}by"] {
            let hash = PasswordHash::new(Argon2::default().hash_password(sent.as_bytes()).unwrap().to_string());

            assert!(passwords.is_right(Some(hash.clone()), password(sent)).await.unwrap(), "{sent}");
            assert!(!passwords.is_right(Some(hash), password("crème brûlée à Paris")).await.unwrap());
        }
    }

    #[test]
    fn the_length_of_a_password_is_that_of_its_normal_form() {
        let composed = "ü".repeat(MAX_BYTES / 2);
        let decomposed = "u\u{308}".repeat(MAX_BYTES / 2);

        assert!(Password::new(composed, None).is_ok());
        assert!(Password::new(decomposed.clone(), None).is_ok());
        assert_eq!(Password::new(decomposed + "u\u{308}", None).unwrap_err().code(), "password_too_long");
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

    #[test]
    fn s14_only_the_beginning_of_a_password_is_judged() {
        let email = "ada.lovelace.of.the.analytical.engine@example.com";

        assert_eq!(beginning(&"x".repeat(1024)).len(), JUDGED_CHARACTERS);
        assert_eq!(beginning(&"☕".repeat(30)), "☕".repeat(JUDGED_CHARACTERS));
        assert_eq!(beginning("short"), "short");
        assert!(is_hard_to_guess("correct horse battery staple", email));
        assert!(is_hard_to_guess("4@8({[<3691!7|10$5+2%".repeat(5).as_str(), email));
        assert!(!is_hard_to_guess(&"a".repeat(100), email));
        assert!(!is_hard_to_guess(email, email), "the address itself");
        assert!(!is_hard_to_guess("ada.lovelace.of.the.analytical.engine", email), "its first part");
    }

    #[tokio::test]
    async fn s14_a_client_with_one_password_has_a_place_in_a_queue_that_another_client_fills() {
        let passwords = Passwords { estimates: FairQueue::new(1, 1), hashes: FairQueue::new(1, 2) };
        let running = passwords.hashes.turn(None).await.unwrap();
        let check = |address: &str| Box::pin(passwords.is_right(None, password_from(address, "a guess")));
        let [mut first, mut second] = [(); 2].map(|()| check("2001:db8:1:1::1"));
        for waiting in [&mut first, &mut second] {
            assert!(timeout(Duration::ZERO, waiting).await.is_err(), "it did not wait");
        }
        let refused = check("2001:db8:1:2::1").await;
        assert_eq!(refused.unwrap_err().code(), "unavailable", "the /48 of the first client");

        let mut owner = check("2001:db8:2:1::1");
        assert!(timeout(Duration::ZERO, &mut owner).await.is_err(), "it did not wait");

        assert_eq!(second.await.unwrap_err().code(), "unavailable");
        drop(running);
        let (first, owner) = tokio::join!(first, owner);
        assert!(!first.unwrap() && !owner.unwrap());
    }

    #[tokio::test]
    async fn s14_a_login_does_not_wait_for_the_estimates_of_registrations() {
        let passwords = Passwords { estimates: FairQueue::new(1, 0), hashes: FairQueue::new(1, 0) };
        let _estimating = passwords.estimates.turn(None).await.unwrap();

        assert_eq!(passwords.hash(password("a new password"), &email()).await.unwrap_err().code(), "unavailable");
        assert!(!passwords.is_right(None, password("a password")).await.unwrap());
    }
}
