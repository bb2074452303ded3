//! Whether a login needs a proof of work.

use std::fmt;
use std::str::FromStr;

use super::InvalidValue;

/// Whether a login needs a proof of work: `off`, or the cost of one of the 256 attempts that a client makes on average.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProofOfWork {
    /// No proof is needed.
    Off,
    /// Iterations of PBKDF2 with SHA-256 in each attempt.
    Cost(u32),
}

impl FromStr for ProofOfWork {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        match (text, text.parse()) {
            ("off", _) => Ok(Self::Off),
            // The server makes one attempt to check a proof, so the cost has a limit.
            (_, Ok(cost @ 1..=100_000)) => Ok(Self::Cost(cost)),
            _ => Err(InvalidValue::new("expected a number from 1 to 100000 such as 2000, or off")),
        }
    }
}

impl fmt::Display for ProofOfWork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Cost(cost) => cost.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_setting_is_a_cost_or_off() {
        assert_eq!("off".parse(), Ok(ProofOfWork::Off));
        assert_eq!("2000".parse(), Ok(ProofOfWork::Cost(2000)));
        for text in ["", "on", "0", "-1", "100001", "1.5", "99999999999"] {
            assert!(text.parse::<ProofOfWork>().is_err(), "{text}");
        }
    }
}
