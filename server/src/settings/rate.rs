//! How many requests are allowed in how much time.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use super::InvalidValue;

/// A number of requests in a time, such as `30/1h`; all of them may come at once. `off` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rate {
    /// No limit.
    Off,
    /// A limit.
    Limit {
        /// The number of requests.
        count: NonZeroU32,
        /// The time in which they may come.
        per: Duration,
    },
}

impl Rate {
    /// The rate with `factor` times the requests in the same time.
    pub(crate) const fn times(self, factor: NonZeroU32) -> Self {
        match self {
            Self::Off => Self::Off,
            Self::Limit { count, per } => Self::Limit { count: count.saturating_mul(factor), per },
        }
    }
}

impl FromStr for Rate {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        const EXPECTED: InvalidValue =
            InvalidValue::new("expected COUNT/DURATION such as 30/1h, of at least 1ms per request, or off");
        if text == "off" {
            return Ok(Self::Off);
        }
        let (count, per) = text.split_once('/').ok_or(EXPECTED)?;
        let count: NonZeroU32 = count.parse().map_err(|_| EXPECTED)?;
        let per = humantime::parse_duration(per).map_err(|_| EXPECTED)?;
        let each = per / count.get();
        // The limiter counts nanoseconds in 64 bits.
        if each < Duration::from_millis(1) || per > Duration::from_secs(366 * 24 * 60 * 60) {
            return Err(EXPECTED);
        }
        Ok(Self::Limit { count, per })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Limit { count, per } => write!(f, "{count}/{}", humantime::format_duration(*per)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_read_and_written_in_one_form() {
        for text in ["30/1h", "1/1ms", "1000/1s", "5/3days", "off"] {
            assert_eq!(text.parse::<Rate>().unwrap().to_string(), text);
        }
        for text in
            ["", "30", "0/1h", "-1/1h", "30/", "30/h", "/1h", "30/1h/1h", "1001/1s", "1/367d", "OFF", "4294967296/1h"]
        {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }
}
