//! A call of `fetch`: the request of a caller, which is sent once or twice.

use js_sys::{Array, JsString, Object, Promise, Reflect, Symbol};
use wasm_bindgen::prelude::*;
use web_sys::{AbortSignal, Response};

use crate::js::{self, JsFunction};
use crate::session_manager::SessionManager;

#[wasm_bindgen]
extern "C" {
    /// The init of a request, or a `Request` in its place. Each member may be missing, or of any type.
    #[derive(Clone)]
    type Init;
    #[wasm_bindgen(method, getter, structural)]
    fn headers(this: &Init) -> JsValue;
    #[wasm_bindgen(method, setter, structural)]
    fn set_body(this: &Init, body: &JsValue);
    #[wasm_bindgen(method, setter, structural)]
    fn set_headers(this: &Init, headers: &JsValue);
    #[wasm_bindgen(method, getter, structural)]
    fn signal(this: &Init) -> JsValue;
    #[wasm_bindgen(method, getter, structural)]
    fn body(this: &Init) -> JsValue;
    #[wasm_bindgen(method, getter, structural)]
    fn guestpass(this: &Init) -> JsValue;
    #[wasm_bindgen(method, setter, structural)]
    fn set_guestpass(this: &Init, guestpass: &JsValue);
    #[wasm_bindgen(method, indexing_getter)]
    fn transport(this: &Init, symbol: &Symbol) -> JsValue;
    #[wasm_bindgen(method, setter, structural, js_name = Authorization)]
    fn set_authorization(this: &Init, value: &JsString);
    #[wasm_bindgen(method, catch, js_name = clone)]
    fn clone_request(this: &Init) -> Result<Init, JsValue>;

    type Url;
    #[wasm_bindgen(constructor, js_class = "URL", catch)]
    fn new(url: &JsValue, base: &JsValue) -> Result<Url, JsValue>;
    #[wasm_bindgen(method, getter)]
    fn href(this: &Url) -> JsString;
    #[wasm_bindgen(method, getter)]
    fn origin(this: &Url) -> JsValue;
    #[wasm_bindgen(method, getter)]
    fn protocol(this: &Url) -> JsValue;

    /// Like `web_sys::Headers`, without copies of the values, which are tokens.
    #[derive(Clone)]
    pub(crate) type Headers;
    #[wasm_bindgen(constructor, catch)]
    pub(crate) fn new(init: &JsValue) -> Result<Headers, JsValue>;
    #[wasm_bindgen(method)]
    fn has(this: &Headers, name: &str) -> bool;
    #[wasm_bindgen(method)]
    pub(crate) fn set(this: &Headers, name: &str, value: &JsString);
    #[wasm_bindgen(method)]
    pub(crate) fn get(this: &Headers, name: &str) -> Option<JsString>;
    #[wasm_bindgen(method)]
    pub(crate) fn delete(this: &Headers, name: &str);

    #[wasm_bindgen(extends = Init)]
    type Request;
    #[wasm_bindgen(constructor, catch)]
    fn new(input: &JsValue, init: &JsValue) -> Result<Request, JsValue>;

    /// A stream that can be cancelled.
    type Body;
    #[wasm_bindgen(method, structural, catch)]
    fn cancel(this: &Body) -> Result<Promise, JsValue>;
}

pub(crate) const AUTHORIZATION: &str = "Authorization";

/// The base URL of a session, and the origins that get the token.
pub(crate) struct Origins {
    /// Without a trailing slash.
    pub(crate) base_url: JsString,
    /// The base of relative URLs: the base URL with a trailing slash.
    base: JsValue,
    /// The origins that get the token.
    allowed: Array,
}

impl Origins {
    /// If the base URL is not a URL, all requests fail like those of `fetch`.
    pub(crate) fn new(base_url: &JsString, allowed: Array) -> Self {
        if let Ok(url) = Url::new(base_url, &JsValue::UNDEFINED) {
            allowed.push(&url.origin());
        }
        let base_url = String::from(base_url);
        // `trim_end_matches` would add 120 bytes to the module.
        let mut trimmed = base_url.as_str();
        while let Some(shorter) = trimmed.strip_suffix('/') {
            trimmed = shorter;
        }
        let base_url = JsString::from(trimmed);
        Self { base: base_url.concat(&"/".into()).into(), base_url, allowed }
    }

    /// The URL of a request. An object is a URL of any library or realm, if its text is one. The text of any other object, such
    /// as a `Request` that `fetch` does not accept, would be a relative URL.
    fn resolve(&self, input: &JsValue) -> Result<Url, JsValue> {
        if !input.is_object() {
            return Url::new(input, &self.base);
        }
        let text = js::text_of(input)?;
        if text.starts_with("[object ", 0) { Url::new(&text, &JsValue::UNDEFINED) } else { Url::new(&text, &self.base) }
    }
}

pub(crate) struct FetchCall {
    /// A URL, or a `Request`.
    input: JsValue,
    is_request: bool,
    /// A copy of the caller's init; empty if there was none.
    init: Init,
    url: Url,
    /// The headers of the request without the token; `None` if it has none.
    headers: Option<Headers>,
    pub(crate) signal: Option<AbortSignal>,
    /// False for a body that is a stream. The body of a `Request` is a stream as well, but a copy of it can be made.
    pub(crate) replayable: bool,
    /// A copy of a `Request` for the replay, made before the first send: the body can be read only once.
    replay: Option<Request>,
    /// Sends this request: `TRANSPORT` in `npm/src/transport.ts`, the `fetch` of the options, or undefined for the global one.
    fetch: JsValue,
    /// Whether the caller wants the token.
    token: bool,
    /// The caller's function that decides about a response; undefined for the rule of C23.
    pub(crate) is_unauthorized: JsValue,
}

impl FetchCall {
    /// Reads the arguments of the caller, as `fetch` does: the caller may change them as soon as this returns. Relative URLs are
    /// relative to the base URL.
    pub(crate) fn new(manager: &SessionManager, input: &JsValue, given: &JsValue) -> Result<Self, JsValue> {
        let (mut request, url) = match request_url(input) {
            Some(url) => (Some(input.clone().unchecked_into::<Request>()), Url::new(&url, &JsValue::UNDEFINED)),
            None => (None, manager.origins.resolve(input)),
        };
        let url = url?;
        let init = empty();
        let (mut headers, mut signal, mut body, mut transport, mut own) = Default::default();
        if !given.is_object() {
            // The usual call has no init.
        } else if js::text_of(given).is_ok_and(|text| text == "[object Request]") {
            // `fetch` reads the getters of a `Request` in the place of an init; a copy would not have them.
            let input = request.map_or_else(|| url.href().into(), JsValue::from);
            request = Some(Request::new(&input, given)?);
        } else {
            js::assign(&init, given)?;
            (headers, signal, body) = (init.headers(), init.signal(), init.body());
            transport = init.transport(&Symbol::for_("guestpass.transport"));
            own = init.guestpass();
            // The `fetch` of the options may be that of another session.
            init.set_guestpass(&JsValue::UNDEFINED);
        }
        // The options of a session are for `fetch` alone, not for a transport.
        let defaults = if transport.is_undefined() { &manager.requests } else { &JsValue::UNDEFINED };
        let option = |name| {
            let option = |from: &JsValue| if from.is_object() { js::get(from, name) } else { JsValue::UNDEFINED };
            Some(option(&own)).filter(|own| !own.is_undefined()).unwrap_or_else(|| option(defaults))
        };
        let headers: Option<Headers> = match &request {
            Some(request) if headers.is_undefined() => Some(request.headers().unchecked_into()),
            None if headers.is_undefined() => None,
            _ => {
                let copied = Headers::new(&headers)?;
                init.set_headers(&copied);
                Some(copied)
            }
        };
        if let (Some(request), true) = (&request, signal.is_undefined()) {
            signal = request.signal();
        }
        Ok(Self {
            is_request: request.is_some(),
            input: request.map_or_else(|| url.href().into(), JsValue::from),
            signal: signal.is_object().then(|| signal.unchecked_into()),
            replayable: option("replay") != false && !is_stream(&body),
            replay: None,
            fetch: if transport.is_undefined() { manager.fetch.clone() } else { transport },
            token: option("token") != false,
            is_unauthorized: option("isUnauthorized"),
            headers,
            init,
            url,
        })
    }

    /// Whether the request gets the token: its exact origin is allowed (C12), and the caller has neither set `Authorization` nor
    /// refused the token. A `blob:` URL has the origin of the page that made it, but no request goes there.
    pub(crate) fn takes_token(&self, origins: &Origins) -> bool {
        self.token
            && origins.allowed.includes(&self.url.origin(), 0)
            && self.url.protocol() != "blob:"
            && !self.headers.as_ref().is_some_and(|headers| headers.has(AUTHORIZATION))
    }

    /// Whether a redirect has led to another origin: browsers remove the token on the way, so a 401 of that origin is not about
    /// the token.
    pub(crate) fn was_redirected_elsewhere(&self, response: &Response) -> bool {
        js::get(response, "redirected").is_truthy()
            && Url::new(&js::get(response, "url"), &JsValue::UNDEFINED)
                .is_ok_and(|url| url.origin() != self.url.origin())
    }

    /// Sends the request as it is.
    pub(crate) fn send_unchanged(&self) -> Result<Promise, JsValue> {
        js::fetch(&self.fetch, &self.input, &self.init)
    }

    /// Sends the request with the token. `last`: the request will not be sent again.
    pub(crate) fn send(&mut self, authorization: &JsString, last: bool) -> Result<Promise, JsValue> {
        if !self.is_request {
            // A plain object is faster than `Headers`.
            match &self.headers {
                Some(headers) => headers.set(AUTHORIZATION, authorization),
                None => {
                    let headers = empty();
                    headers.set_authorization(authorization);
                    self.init.set_headers(&headers);
                }
            }
            return self.send_unchanged();
        }
        // The caller's own `Request` is left as `fetch` leaves it: its body is read, and it has no token.
        let request = match self.replay.take() {
            Some(replay) => replay,
            None => Request::new(&self.input, &self.init)?,
        };
        if !last && self.replayable && !is_bodiless(&request) {
            self.replay = Some(request.clone_request()?.unchecked_into());
        }
        request.headers().unchecked_ref::<Headers>().set(AUTHORIZATION, authorization);
        // `fetch` may accept members that a `Request` does not keep. An init without members counts as none; any other one
        // would make `fetch` drop the referrer of the `Request`.
        let extras = empty();
        js::assign(&extras, &self.init)?;
        extras.set_headers(&JsValue::UNDEFINED);
        extras.set_body(&JsValue::UNDEFINED);
        js::fetch(&self.fetch, &request, &extras)
    }

    /// Frees the copy for the replay: otherwise its branch of the body would stay in memory.
    pub(crate) fn release(&self) {
        if let Some(replay) = &self.replay {
            cancel_body(replay);
        }
    }
}

/// The value of the header `Authorization`.
pub(crate) fn bearer(token: &JsString) -> JsString {
    JsString::from("Bearer ").concat(token)
}

/// Cancels a body that nothing will read. A failure does not matter.
pub(crate) fn cancel_body(message: &JsValue) {
    let body = message.unchecked_ref::<Init>().body();
    if body.is_object()
        && let Ok(cancelled) = body.unchecked_ref::<Body>().cancel()
    {
        let _ = js::then(&cancelled, None, Some(JsFunction::new(|_| JsValue::UNDEFINED)));
    }
}

/// An init without members.
fn empty() -> Init {
    Object::new().unchecked_into()
}

/// The URL of a `Request`; `None` for any other value. `instanceof` is false for a `Request` of another realm, and for one that
/// was made before the app replaced the class. The getter is that of the class, because a subclass may have its own.
fn request_url(value: &JsValue) -> Option<JsValue> {
    if !value.is_object() {
        return None;
    }
    let prototype = js::get(&js::global("Request"), "prototype");
    let url = js::get_for(&prototype, "url", value).ok().filter(JsValue::is_string);
    // A polyfill has no getter: its objects have members.
    url.or_else(|| value.is_instance_of::<web_sys::Request>().then(|| js::get(value, "url")))
}

/// Whether a body is a stream, which can be read only once. Node also accepts an async iterable as one.
fn is_stream(body: &JsValue) -> bool {
    body.is_object()
        && (js::get(body, "getReader").is_function()
            || Reflect::get(body, &Symbol::async_iterator()).is_ok_and(|iterate| !js::is_missing(&iterate)))
}

fn is_bodiless(request: &Request) -> bool {
    // Undefined in engines that do not expose it.
    request.body().is_null() || matches!(js::get(request, "method").as_string().as_deref(), Some("GET" | "HEAD"))
}
