//! Values of single settings, each with the text form that operators write.

mod algorithm;
mod captcha;
mod key_encryption_key;
mod oidc_issuer;
mod origin;
mod proof_of_work;
mod rate;

pub use self::algorithm::{Algorithm, UnknownAlgorithm};
pub use self::captcha::{CaptchaSecret, CaptchaUrl};
pub use self::key_encryption_key::{KeyEncryptionKey, KeyEncryptionKeyId};
pub use self::oidc_issuer::OidcIssuer;
pub use self::origin::{InvalidOrigin, Origin};
pub use self::proof_of_work::ProofOfWork;
pub use self::rate::Rate;

pub(crate) use self::oidc_issuer::is_secure;

/// A value that cannot be read; says what was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidValue(pub(crate) &'static str);

impl InvalidValue {
    pub(crate) const fn new(expected: &'static str) -> Self {
        Self(expected)
    }
}
