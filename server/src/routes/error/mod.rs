//! Errors as clients see them, in one place: problems (RFC 9457), OAuth errors (RFC 6749 §5.2) and the challenges of bearer
//! tokens (RFC 6750 §3). None of them contains internal details.

mod oauth;
mod problem;

pub(super) use self::oauth::{OAuthError, OAuthErrorBody};
pub(crate) use self::problem::Problem;
pub(super) use self::problem::{FOREIGN_PAGE, NoAttempt, ProblemBody};

/// Makes a sentence of an error text: "the token has expired" becomes "The token has expired."
pub(super) fn sentence(text: impl ToString) -> String {
    let text = text.to_string();
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(chars).chain(['.']).collect()
}
