//! C12: tokens stay JavaScript strings. No token is ever in the memory of the WebAssembly.

use guestpass_session::{AfterSignOut, StorageKind, Upgrade};
use js_sys::{JsString, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

use crate::fixture::{fresh_name, get, js, object, open, options, refresh_token, replace};

/// Typed so that the texts are not copied into the memory that is searched, as those of js-sys and web-sys would be.
#[wasm_bindgen]
extern "C" {
    type TextDecoder;
    #[wasm_bindgen(constructor)]
    fn new(label: &str) -> TextDecoder;
    #[wasm_bindgen(method)]
    fn decode(this: &TextDecoder, bytes: &Uint8Array) -> Haystack;

    type Haystack;
    #[wasm_bindgen(method)]
    fn includes(this: &Haystack, needle: &JsString) -> bool;
    #[wasm_bindgen(method, getter)]
    fn length(this: &Haystack) -> u32;
}

/// The length of the pieces of a token that are searched for: too long for a match by chance, and short enough to find the rest
/// of a copy after the allocator has written into the freed memory.
const PIECE: u32 = 16;

/// Whether a piece of a text is anywhere in the whole memory of the WebAssembly, in use or freed.
fn is_in_memory(text: &JsString) -> bool {
    let memory = wasm_bindgen::memory();
    let bytes = Uint8Array::new(&get(&memory, "buffer"));
    // One character for each byte.
    let haystack = TextDecoder::new("latin1").decode(&bytes);
    assert_eq!(haystack.length(), bytes.length());
    (0..text.length() / PIECE).any(|piece| haystack.includes(&text.slice(piece * PIECE, (piece + 1) * PIECE)))
}

/// The signature of a token. The rest is not secret, and mostly equal in all tokens.
fn signature(token: &JsString) -> JsString {
    let start = token.last_index_of(".", i32::MAX);
    assert!(start >= 0);
    token.slice(start.unsigned_abs() + 1, token.length())
}

fn random() -> JsString {
    #[wasm_bindgen]
    extern "C" {
        #[wasm_bindgen(js_namespace = crypto, js_name = randomUUID)]
        fn random_uuid() -> JsString;
    }
    random_uuid()
}

#[wasm_bindgen_test]
fn c12_the_search_finds_a_copied_text_in_memory() {
    let text = random();
    assert!(!is_in_memory(&text));
    let copy = String::from(&text);
    assert!(is_in_memory(&text));
    drop(copy);
    assert!(is_in_memory(&text), "freed memory is searched, too");
}

#[wasm_bindgen_test]
async fn c12_no_token_is_ever_in_the_memory_of_the_webassembly() {
    let name = fresh_name();
    let session = open(options(&name));
    let mut tokens = Vec::new();
    let mut note = |step: &str, token: JsString, refresh_token: JsString| {
        tokens.extend([
            (step.to_owned() + ", access", signature(&token)),
            (step.to_owned() + ", refresh", refresh_token),
        ]);
        for (what, token) in &tokens {
            assert!(!is_in_memory(token), "{what}");
        }
    };
    note("acquired", session.token().await.unwrap(), refresh_token(&name));
    assert_eq!(session.get("/me").await.status(), 200);
    session.expire();
    note("refreshed", session.token().await.unwrap(), refresh_token(&name));

    let reloaded = open(options(&name));
    note("restored", reloaded.token().await.unwrap(), refresh_token(&name));
    assert_eq!(reloaded.get("/me").await.status(), 200);

    let password = random();
    let email = JsString::from(format!("{}@example.com", fresh_name()));
    let member = object(&[("email", email.into()), ("password", password.clone().into())]);
    session.upgrade(Upgrade::Register, &member).await.unwrap();
    note("registered", session.token().await.unwrap(), refresh_token(&name));
    assert_eq!(session.get("/me").await.status(), 200);
    assert!(!is_in_memory(&password), "nor a password");
    session.erase().await.unwrap();
    note("next", session.token().await.unwrap(), refresh_token(&name));
    session.sign_out(AfterSignOut::Guest).await.unwrap();
    session.close();
    note("closed", JsString::from(".").concat(&random()), random());
}

#[wasm_bindgen_test]
async fn c12_no_storage_puts_a_token_into_the_memory_of_the_webassembly() {
    for storage in [StorageKind::Session, StorageKind::IndexedDb, StorageKind::Memory] {
        let session = open(options(&fresh_name()).storage(storage.clone()));
        for _ in 0..2 {
            let token = session.token().await.unwrap();
            assert!(!is_in_memory(&signature(&token)), "{storage:?}");
            session.expire();
        }
    }
}

/// If a response contains neither the id of the guest nor the lifetime of the token, the session reads both from the token.
#[wasm_bindgen_test]
async fn c12_reading_the_claims_of_a_token_does_not_copy_its_signature() {
    let silent = js("((fetch) => async (input, init) => {
        const response = await fetch(input, init)
        const { access_token, refresh_token } = await response.json()
        return Response.json({ access_token, refresh_token }, { status: response.status })
    })(fetch)");
    let _silent = replace(&js_sys::global(), "fetch", silent);
    let session = open(options(&fresh_name()));
    let token = session.token().await.unwrap();
    let snapshot = session.snapshot();
    assert!(snapshot.id.unwrap().starts_with("anonymous_"));
    assert!(snapshot.expires_at.unwrap() > js_sys::Date::now());
    assert!(!is_in_memory(&signature(&token)));
}
