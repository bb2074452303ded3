//! The texts of tokens, keys and ids. The machine refers to each by a handle; the text stays a JavaScript string.

use std::cell::{Cell, RefCell};
use std::num::NonZeroU32;

use guestpass_core::wire::{GUEST_PREFIX, USER_PREFIX, error_code, problem_code};
use guestpass_core::{Handle, Kind, Subject};
use js_sys::JsString;
use wasm_bindgen::prelude::*;

/// The prefix of a subject, by kind.
const PREFIXES: [(&str, Kind); 2] = [(GUEST_PREFIX, Kind::Guest), (USER_PREFIX, Kind::User)];

/// The texts that the machine may refer to, by their handles. Equal texts have equal handles.
pub(crate) struct Handles {
    /// A handful, so a list is fast enough.
    texts: RefCell<Vec<(Handle, JsValue)>>,
    next: Cell<NonZeroU32>,
}

impl Handles {
    pub(crate) fn new() -> Self {
        let handles = Self { texts: RefCell::default(), next: Cell::new(Handle::INVALID_GRANT.0) };
        // The machine has constants for the handles of these texts.
        handles.handle(error_code::INVALID_GRANT.into());
        handles.handle(problem_code::REFRESH_TOKEN_REQUIRED.into());
        handles
    }

    /// The handle of a text; `None` for an empty text, and for a value that is not a text.
    pub(crate) fn handle(&self, text: JsValue) -> Option<Handle> {
        if !text.is_string() || text.is_falsy() {
            return None;
        }
        let mut texts = self.texts.borrow_mut();
        if let Some((handle, _)) = texts.iter().find(|(_, known)| *known == text) {
            return Some(*handle);
        }
        let handle = Handle(self.next.get());
        self.next.set(self.next.get().saturating_add(1));
        texts.push((handle, text));
        Some(handle)
    }

    /// The text of a handle that the machine refers to; an empty text for any other handle.
    pub(crate) fn text(&self, handle: Handle) -> JsString {
        let texts = self.texts.borrow();
        texts
            .iter()
            .find(|(known, _)| *known == handle)
            .map_or_else(|| JsString::from(""), |(_, text)| text.clone().unchecked_into())
    }

    /// The subject with an id such as `anonymous_<uuid>`; `None` for a value that is not a text.
    pub(crate) fn subject(&self, id: &JsValue) -> Option<Subject> {
        let id = id.as_string()?;
        for (prefix, kind) in PREFIXES {
            if let Some(visitor) = id.strip_prefix(prefix) {
                return self.handle(visitor.into()).map(|visitor| Subject { kind: Some(kind), visitor });
            }
        }
        self.handle(id.into()).map(|visitor| Subject { kind: None, visitor })
    }

    /// The id of a subject.
    pub(crate) fn id(&self, subject: Subject) -> String {
        let mut id = String::new();
        if let Some((prefix, _)) = PREFIXES.into_iter().find(|(_, kind)| subject.kind == Some(*kind)) {
            id.push_str(prefix);
        }
        id.push_str(&String::from(&self.text(subject.visitor)));
        id
    }

    /// Drops the texts that the machine does not refer to.
    pub(crate) fn retain(&self, references: impl Fn(Handle) -> bool) {
        let mut texts = self.texts.borrow_mut();
        let mut index = 0;
        while let Some((handle, _)) = texts.get(index) {
            if *handle <= Handle::REFRESH_TOKEN_REQUIRED || references(*handle) {
                index += 1;
            } else {
                texts.swap_remove(index);
            }
        }
    }
}
