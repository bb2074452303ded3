//! Builds texts without `format!`, which would add kilobytes to the WebAssembly module.

/// A text that is built from parts.
#[derive(Default)]
pub(crate) struct TextBuilder(String);

impl TextBuilder {
    pub(crate) fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// Appends a text.
    pub(crate) fn text(mut self, text: &str) -> Self {
        self.0.push_str(text);
        self
    }

    /// Appends a number in decimal digits.
    pub(crate) fn number(self, number: u64) -> Self {
        let mut builder = if number < 10 { self } else { self.number(number / 10) };
        builder.0.push(char::from(b'0' + (number % 10) as u8));
        builder
    }

    pub(crate) fn into_string(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::TextBuilder;

    #[test]
    fn numbers_are_written_in_decimal() {
        let line = TextBuilder::new("a").number(0).text(" ").number(u64::MAX).text("b");
        assert_eq!(line.into_string(), "a0 18446744073709551615b");
    }
}
