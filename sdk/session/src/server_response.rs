//! The response of the server to a request of the session itself.

use gloo_net::http::Response;
use guestpass_core::wire::{RETRY_AFTER, member};
use guestpass_core::{Handle, Response as MachineResponse, ResponseBody, TokenResponse};
use js_sys::JsString;
use wasm_bindgen::prelude::*;

use crate::base64url;
use crate::clock;
use crate::handles::Handles;
use crate::js::{get, parse_object, stringify};

#[wasm_bindgen]
extern "C" {
    type TextDecoder;
    #[wasm_bindgen(constructor)]
    fn new() -> TextDecoder;
    #[wasm_bindgen(method, catch)]
    fn decode(this: &TextDecoder, bytes: &[u8]) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(js_namespace = Date, js_name = parse)]
    fn parse_date(text: &str) -> f64;
}

/// The status and headers of a response.
#[derive(Clone, Copy)]
pub(crate) struct Head {
    status: u16,
    /// In milliseconds from now.
    retry_after: Option<u64>,
}

impl Head {
    /// `None` for a redirect, whose status browsers replace by 0, and for a value that is not a response.
    pub(crate) fn read(response: &web_sys::Response) -> Option<Self> {
        if !response.is_object() {
            return None;
        }
        let header = header(response, RETRY_AFTER);
        let response = Response::from(Clone::clone(response));
        let status = response.status();
        if !response.ok() && status < 400 {
            return None;
        }
        Some(Self { status, retry_after: header.and_then(|header| retry_after(&header)) })
    }

    /// Completes the response with its body.
    pub(crate) fn with_body(self, handles: &Handles, text: &JsValue) -> MachineResponse {
        let json = parse_object(text);
        let (body, text) =
            json.map_or((ResponseBody::Other, None), |json| decode_body(handles, self.status, text, &json));
        MachineResponse { status: self.status, retry_after: self.retry_after, body, text }
    }
}

/// A header of a response; `None` without it. gloo-net's own `get` throws if there are no headers, as in a response that the
/// test of an app has made.
pub(crate) fn header(response: &web_sys::Response, name: &str) -> Option<String> {
    response.headers().get(name).unwrap_or_default()
}

/// Returns the body, and its text: for the caller of an account request, without the tokens; or a challenge.
fn decode_body(handles: &Handles, status: u16, text: &JsValue, json: &JsValue) -> (ResponseBody, Option<Handle>) {
    let handle = |name| handles.handle(get(json, name));
    if status >= 300 {
        // The code of RFC 6749 §5.2, or of a problem (RFC 9457).
        let code = handle(member::ERROR).or_else(|| handle(member::CODE));
        let challenge = handles.handle(text.clone()).filter(|_| status == 428);
        return (code.map_or(ResponseBody::Other, ResponseBody::Error), challenge);
    }
    let token = get(json, member::ACCESS_TOKEN);
    let Some(access_token) = handles.handle(token.clone()) else {
        return (ResponseBody::Other, handles.handle(text.clone()));
    };
    let membership = stringify(json, &JsString::from("id kind email outcome merged").split(" "));
    let claim = |name| get(&claims(token.unchecked_ref()).unwrap_or_default(), name);
    // The difference of two times of the server does not depend on the clock of this device.
    let lifetime = || claim("exp").as_f64().zip(claim("iat").as_f64()).map(|(end, start)| end - start);
    let token = TokenResponse {
        access_token,
        expires_in: seconds(get(json, member::EXPIRES_IN).as_f64()).or_else(|| seconds(lifetime())),
        refresh_token: handle(member::REFRESH_TOKEN),
        subject: handles.subject(&get(json, member::ANONYMOUS_ID)).or_else(|| handles.subject(&claim("sub"))),
    };
    (ResponseBody::Token(token), handles.handle(membership.into()))
}

/// The claims of a JWT, unverified: for servers whose response contains neither the id of the guest nor the lifetime of the
/// token.
fn claims(token: &JsString) -> Option<JsValue> {
    // Only the payload is copied into WebAssembly memory: without the signature it is not a token.
    let payload = base64url::decode(token.split(".").get(1).as_string()?.as_bytes())?;
    parse_object(&TextDecoder::new().decode(&payload).ok()?)
}

/// `Retry-After` (RFC 9110 §10.2.3), which is a number of seconds or a date, in milliseconds from now.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, as intended")]
fn retry_after(header: &str) -> Option<u64> {
    if let Some(seconds) = digits(header) {
        return Some(seconds.saturating_mul(1_000));
    }
    let milliseconds = parse_date(header) - clock::wall();
    (!milliseconds.is_nan()).then_some(milliseconds as u64)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole seconds, not negative")]
fn seconds(value: Option<f64>) -> Option<u64> {
    value.filter(|seconds| *seconds >= 0.0).map(|seconds| seconds as u64)
}

/// A number in decimal digits.
fn digits(text: &str) -> Option<u64> {
    text.trim_ascii().bytes().try_fold(0_u64, |number, digit| {
        digit.is_ascii_digit().then(|| number.saturating_mul(10).saturating_add(u64::from(digit - b'0')))
    })
}
