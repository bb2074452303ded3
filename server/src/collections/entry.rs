//! Entries and their keys.

use serde_json::Value;

use crate::clock::Timestamp;
use crate::etag::EntityTag;

/// The greatest length of a key, in bytes of UTF-8.
pub(crate) const MAX_KEY_BYTES: usize = 512;

/// An entry of a collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// As it is stored: entries of earlier versions can have keys that no [`Key`] can have.
    pub(crate) key: String,
    pub(crate) value: Value,
    pub(crate) created_at: Timestamp,
    /// When the value was last written, also if it was written as it was before.
    pub(crate) updated_at: Timestamp,
}

impl Entry {
    pub(crate) fn tag(&self) -> EntityTag {
        EntityTag::of(&self.value)
    }
}

/// The key of an entry in a request: chosen by the app, such as the number of an article or a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key(String);

/// A text that cannot be a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum KeyError {
    #[error("a key must have 1 to {MAX_KEY_BYTES} bytes of UTF-8")]
    Length,
    #[error("a key must not have control characters")]
    ControlCharacter,
    /// The parser of URLs removes these from a path (WHATWG URL, "path state").
    #[error("a key must not be . or .., which clients remove from the path of a URL")]
    Dots,
}

impl Key {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Key {
    type Error = KeyError;

    fn try_from(text: String) -> Result<Self, KeyError> {
        if !(1..=MAX_KEY_BYTES).contains(&text.len()) {
            Err(KeyError::Length)
        } else if text.contains(char::is_control) {
            Err(KeyError::ControlCharacter)
        } else if text == "." || text == ".." {
            Err(KeyError::Dots)
        } else {
            Ok(Self(text))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Result<Key, KeyError> {
        text.to_owned().try_into()
    }

    #[test]
    fn keys_are_texts_of_the_app() {
        for text in ["1", "/products/12?size=L", "Größe", "...", " ", "__proto__", &"é".repeat(256)] {
            assert_eq!(key(text).unwrap().as_str(), text);
        }
        assert_eq!(key(""), Err(KeyError::Length));
        assert_eq!(key(&"é".repeat(257)), Err(KeyError::Length));
        for text in ["a\0", "a\nb", "\u{85}"] {
            assert_eq!(key(text), Err(KeyError::ControlCharacter));
        }
        assert_eq!(key("."), Err(KeyError::Dots));
        assert_eq!(key(".."), Err(KeyError::Dots));
    }
}
