//! The service that verifies the tokens of a CAPTCHA.

use std::fmt;
use std::str::FromStr;

use url::Url;

use super::{InvalidValue, is_secure};

/// The URL at which a service verifies the tokens of its CAPTCHA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaptchaUrl(pub(crate) Url);

impl FromStr for CaptchaUrl {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let url = Url::parse(text).ok().filter(|url| is_secure(url) && url.fragment().is_none());
        url.map(Self).ok_or(InvalidValue::new(
            "expected the https:// URL at which the CAPTCHA service verifies tokens, such as \
             https://challenges.cloudflare.com/turnstile/v0/siteverify; http:// is for this machine only",
        ))
    }
}

impl fmt::Display for CaptchaUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The secret that the service has given to this site. `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct CaptchaSecret(pub(crate) String);

impl FromStr for CaptchaSecret {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(InvalidValue::new(
                "expected ASCII characters without spaces, as the CAPTCHA service shows them",
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for CaptchaSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CaptchaSecret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_is_reached_by_tls_or_on_this_machine() {
        for good in ["https://api.hcaptcha.com/siteverify", "http://127.0.0.1:8080/verify?tenant=1", "http://[::1]/"] {
            let read: CaptchaUrl = good.parse().unwrap();
            assert_eq!(read.to_string(), good);
        }
        for bad in
            ["", "api.hcaptcha.com", "http://api.hcaptcha.com/siteverify", "ftp://[::1]/", "https://a.example/#b"]
        {
            assert!(bad.parse::<CaptchaUrl>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_secret_is_not_shown() {
        let secret: CaptchaSecret = "0x4AAA-secret".parse().unwrap();
        assert_eq!(format!("{secret:?}"), "CaptchaSecret(…)");
        for bad in ["", "a b", "a\n"] {
            assert!(bad.parse::<CaptchaSecret>().is_err(), "{bad:?}");
        }
    }
}
