//! Numbers of JSON: their order, their sums and their bounds. Whole numbers are compared and added exactly.

use std::cmp::Ordering;

use serde_json::Number;

/// The smallest and the greatest value of a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) low: Number,
    pub(crate) high: Number,
}

impl Bounds {
    pub(crate) fn contain(&self, number: &Number) -> bool {
        compare(&self.low, number).is_le() && compare(number, &self.high).is_le()
    }

    /// The bound that the number is beyond, or the number itself.
    pub(crate) fn cut(&self, number: Number) -> Number {
        if compare(&number, &self.low).is_lt() {
            self.low.clone()
        } else if compare(&number, &self.high).is_gt() {
            self.high.clone()
        } else {
            number
        }
    }
}

/// The order of two numbers by their value.
pub(crate) fn compare(a: &Number, b: &Number) -> Ordering {
    match (whole(a), whole(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        _ => float(a).total_cmp(&float(b)),
    }
}

/// The sum of two numbers. A sum that JSON numbers cannot express is cut to the nearest one.
pub(crate) fn sum(a: &Number, b: &Number) -> Number {
    if let (Some(a), Some(b)) = (whole(a), whole(b)) {
        let sum = (a + b).clamp(i64::MIN.into(), u64::MAX.into());
        return i64::try_from(sum).map_or_else(|_| u64::try_from(sum).unwrap_or(u64::MAX).into(), Number::from);
    }
    let sum = (float(a) + float(b)).clamp(f64::MIN, f64::MAX);
    // Numbers of JSON are finite, and so is the sum.
    Number::from_f64(sum).unwrap_or_else(|| 0.into())
}

fn whole(number: &Number) -> Option<i128> {
    number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from))
}

fn float(number: &Number) -> f64 {
    // Without the feature `arbitrary_precision`, each number of JSON is a float or converts to one. The sum with zero makes -0.0
    // equal to 0.0.
    number.as_f64().unwrap_or_default() + 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(json: &str) -> Number {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn whole_numbers_are_exact() {
        assert_eq!(sum(&number("9007199254740993"), &number("1")), number("9007199254740994"));
        assert_eq!(sum(&number("18446744073709551615"), &number("1")), number("18446744073709551615"));
        assert_eq!(sum(&number("-9223372036854775808"), &number("-1")), number("-9223372036854775808"));
        assert_eq!(sum(&number("18446744073709551615"), &number("-1")), number("18446744073709551614"));
        assert!(compare(&number("9007199254740993"), &number("9007199254740992")).is_gt());
        assert!(compare(&number("18446744073709551615"), &number("-1")).is_gt());
    }

    #[test]
    fn other_numbers_are_floats() {
        assert_eq!(sum(&number("1.5"), &number("1")), number("2.5"));
        assert_eq!(sum(&number("1.7e308"), &number("1.7e308")), Number::from_f64(f64::MAX).unwrap());
        assert!(compare(&number("-0.0"), &number("0")).is_eq());
        assert!(compare(&number("1.5"), &number("2")).is_lt());
    }

    #[test]
    fn a_number_is_cut_to_its_bounds() {
        let bounds = Bounds { low: number("1"), high: number("99") };
        for (given, expected) in [("0", "1"), ("1", "1"), ("98.5", "98.5"), ("99", "99"), ("1e300", "99")] {
            assert_eq!(bounds.cut(number(given)), number(expected));
            assert_eq!(bounds.contain(&number(given)), given == expected, "{given}");
        }
    }
}
