//! The algorithms of access tokens.

use std::fmt;
use std::str::FromStr;

/// How access tokens are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// Ed25519 (RFC 8037): other services verify with the public key from the JWKS. Short tokens, fast.
    EdDsa,
    /// ECDSA on P-256 with SHA-256 (RFC 7518 §3.4), for verifiers that do not know EdDSA.
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256 and a key of 2048 bits (RFC 7518 §3.3). Every verifier supports it (RFC 9068 §2.1);
    /// signing is slow, and the tokens are long.
    Rs256,
    /// HMAC-SHA256: only services that have the secret can verify.
    Hs256,
}

impl Algorithm {
    /// Every algorithm, the default first.
    pub const ALL: [Self; 4] = [Self::EdDsa, Self::Es256, Self::Rs256, Self::Hs256];

    /// The name in RFC 7518 and RFC 8037, as `alg` carries it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
            Self::Hs256 => "HS256",
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(name: &str) -> Result<Self, UnknownAlgorithm> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name).ok_or(UnknownAlgorithm)
    }
}

/// A text that is not the name of an [`Algorithm`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected EdDSA, ES256, RS256 or HS256")]
pub struct UnknownAlgorithm;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_case_sensitive() {
        for algorithm in Algorithm::ALL {
            assert_eq!(algorithm.name().parse(), Ok(algorithm));
            assert_eq!(algorithm.name().to_lowercase().parse::<Algorithm>(), Err(UnknownAlgorithm));
        }
        assert_eq!("none".parse::<Algorithm>(), Err(UnknownAlgorithm));
    }
}
