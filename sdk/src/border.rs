//! How values cross to JavaScript and back: as numbers, which cost nothing there. Names would weigh a kilobyte, and texts
//! (tokens above all) stay on the other side.
//!
//! - Whole numbers are doubles below 2^53; not a number: missing.
//! - A text is its number; 0: missing.
//! - A subject is four times its text, plus 1 for a guest, 2 for a user; 0: missing.
//! - What is one of several has its place in a list: the lists are in `npm/src/shell/names.ts`.

use std::num::NonZeroU32;

use guestpass_core::{Failure, Kind, Parting, Subject, Text};

/// `None` for what is missing: not a number.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, which is what is wanted")]
pub(crate) fn read(number: f64) -> Option<u64> {
    (!number.is_nan()).then_some(number as u64)
}

/// 0 for what is missing.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, which is what is wanted")]
pub(crate) fn count(number: f64) -> u64 {
    number as u64
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds, epochs and generations stay below 2^53")]
pub(crate) fn write(number: u64) -> f64 {
    number as f64
}

pub(crate) fn write_or_nan(number: Option<u64>) -> f64 {
    number.map_or(f64::NAN, write)
}

pub(crate) fn read_text(number: u32) -> Option<Text> {
    NonZeroU32::new(number).map(Text)
}

pub(crate) fn text(text: Option<Text>) -> u32 {
    text.map_or(0, |Text(number)| number.get())
}

pub(crate) fn read_subject(number: u32) -> Option<Subject> {
    let visitor = read_text(number >> 2)?;
    let kind = match number & 3 {
        1 => Some(Kind::Guest),
        2 => Some(Kind::User),
        _ => None,
    };
    Some(Subject { kind, visitor })
}

pub(crate) fn subject(subject: Option<Subject>) -> u32 {
    subject.map_or(0, |Subject { kind, visitor: Text(visitor) }| {
        let kind = match kind {
            None => 0,
            Some(Kind::Guest) => 1,
            Some(Kind::User) => 2,
        };
        visitor.get() << 2 | kind
    })
}

/// As `parting as u32` wrote it; older records have none.
pub(crate) fn read_parting(number: f64) -> Parting {
    match count(number) {
        1 => Parting::Erased,
        2 => Parting::ForGood,
        _ => Parting::SignedOut,
    }
}

/// The code, and the HTTP status where there is one; 0: no failure.
pub(crate) fn failure(failure: Option<Failure>) -> (u32, u32) {
    match failure {
        None => (0, 0),
        Some(Failure::Network) => (1, 0),
        Some(Failure::Timeout) => (2, 0),
        Some(Failure::Unavailable { status }) => (3, u32::from(status)),
        Some(Failure::Rejected { status }) => (4, u32::from(status)),
        Some(Failure::SessionEnded) => (5, 0),
        Some(Failure::SignedOut) => (6, 0),
        Some(Failure::Aborted) => (7, 0),
        Some(Failure::Closed) => (8, 0),
    }
}
