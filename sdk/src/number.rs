//! Whole numbers as JavaScript has them: doubles below 2^53.

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
