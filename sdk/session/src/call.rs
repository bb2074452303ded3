//! One logical request of a caller: what `fetch` was given, to be sent once or twice.

use js_sys::{Array, Function, JsString, Promise, Reflect, Symbol};
use wasm_bindgen::prelude::*;
use web_sys::{AbortSignal, ReadableStream, Response};

use crate::js::{self, Callback};

#[wasm_bindgen]
extern "C" {
    /// The init of a request, or a request in its place: each member may be missing, and of any type.
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
    #[wasm_bindgen(method, indexing_getter)]
    fn transport(this: &Init, symbol: &Symbol) -> JsValue;
    #[wasm_bindgen(method, setter, structural, js_name = Authorization)]
    fn set_authorization(this: &Init, value: &JsString);
    #[wasm_bindgen(method, catch, js_name = clone)]
    fn clone_request(this: &Init) -> Result<Init, JsValue>;

    #[wasm_bindgen(constructor, js_class = "Object")]
    fn empty() -> Init;
    #[wasm_bindgen(catch, js_namespace = Object, js_name = assign)]
    fn assign(target: &Init, source: &JsValue) -> Result<JsValue, JsValue>;

    type Url;
    #[wasm_bindgen(constructor, js_class = "URL", catch)]
    fn new(url: &JsValue, base: &JsValue) -> Result<Url, JsValue>;
    #[wasm_bindgen(method, getter)]
    fn href(this: &Url) -> JsString;
    #[wasm_bindgen(method, getter)]
    fn origin(this: &Url) -> JsString;
    #[wasm_bindgen(method, getter)]
    fn protocol(this: &Url) -> JsString;

    /// As those of web-sys, without copying the values, which are tokens.
    #[derive(Clone)]
    pub(crate) type Headers;
    #[wasm_bindgen(constructor, catch)]
    pub(crate) fn new(init: &JsValue) -> Result<Headers, JsValue>;
    #[wasm_bindgen(method)]
    fn has(this: &Headers, name: &JsString) -> bool;
    #[wasm_bindgen(method)]
    pub(crate) fn set(this: &Headers, name: &JsString, value: &JsString);

    #[wasm_bindgen(extends = Init)]
    type Request;
    #[wasm_bindgen(constructor, catch)]
    fn new(input: &JsValue, init: &JsValue) -> Result<Request, JsValue>;

    /// A stream that can be cancelled.
    type Body;
    #[wasm_bindgen(method, structural, catch)]
    fn cancel(this: &Body) -> Result<Promise, JsValue>;
}

thread_local! {
    /// Made once: a text that crosses to JavaScript is copied.
    pub(crate) static AUTHORIZATION: JsString = "Authorization".into();
    static BEARER: JsString = "Bearer ".into();
    static BLOB: JsValue = "blob:".into();
    static TRANSPORT: Symbol = Symbol::for_("guestpass.transport");
}

/// Where the requests of a session may go.
pub(crate) struct Origins {
    /// Without a slash at its end.
    pub(crate) base_url: JsString,
    /// What relative URLs are relative to: the base URL, with a slash.
    base: JsValue,
    /// Those that get the token.
    allowed: Array,
}

impl Origins {
    /// With a base URL that is none, all requests fail as `fetch` fails.
    pub(crate) fn new(base_url: &JsString, further: &Array) -> Self {
        let origin = Url::new(base_url, &JsValue::UNDEFINED).map_or(JsValue::UNDEFINED, |url| url.origin().into());
        let base_url = JsString::from(String::from(base_url).trim_end_matches('/'));
        Self { base: base_url.concat(&"/".into()).into(), base_url, allowed: further.concat(&Array::of1(&origin)) }
    }
}

pub(crate) struct Call {
    /// A URL, or a `Request`.
    input: JsValue,
    is_request: bool,
    /// A copy of the caller's, empty where there was none.
    init: Init,
    url: Url,
    /// Those that the request would have without a token; `None` where it would have none.
    headers: Option<Headers>,
    pub(crate) signal: Option<AbortSignal>,
    /// The body of a `Request` is a stream, too, but one that can be copied.
    pub(crate) replayable: bool,
    /// The body of a `Request` can be read once: the copy for the replay is made before that.
    replay: Option<Request>,
    /// Stands in for `fetch`: `TRANSPORT` in `npm/src/transport.ts`.
    transport: JsValue,
}

impl Call {
    /// Reads what the caller gave, as `fetch` does it: the caller may change it as soon as this returns. Relative URLs are
    /// relative to the base URL.
    pub(crate) fn new(origins: &Origins, input: &JsValue, given: &JsValue) -> Result<Self, JsValue> {
        let mut request = as_request(input);
        let url = match &request {
            Some(request) => Url::new(&js::get(request, "url"), &JsValue::UNDEFINED),
            None => Url::new(input, &origins.base),
        }?;
        let init = Init::empty();
        let (mut headers, mut signal, mut body, mut transport) = Default::default();
        if !given.is_object() {
            // The usual call: nothing is read from what is empty.
        } else if as_request(given).is_some() {
            // What `fetch` reads from a `Request` in the place of an init are getters, which a copy would not have.
            let input = request.map_or_else(|| url.href().into(), JsValue::from);
            request = Some(Request::new(&input, given)?);
        } else {
            assign(&init, given)?;
            (headers, signal, body) = (init.headers(), init.signal(), init.body());
            transport = TRANSPORT.with(|symbol| init.transport(symbol));
        }
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
            replayable: !is_stream(&body),
            replay: None,
            transport,
            headers,
            init,
            url,
        })
    }

    /// Whether the token belongs on the request: its exact origin is allowed (C12), and the caller has not brought
    /// credentials of their own. A `blob:` URL is of the origin that made it, but no request goes there.
    pub(crate) fn takes_token(&self, origins: &Origins) -> bool {
        origins.allowed.includes(&self.url.origin(), 0)
            && BLOB.with(|blob| JsValue::from(self.url.protocol()) != *blob)
            && !self.headers.as_ref().is_some_and(|headers| AUTHORIZATION.with(|name| headers.has(name)))
    }

    /// Whether the response comes from another origin than the one that got the token: browsers take the token off a
    /// redirect that leads elsewhere, and a 401 of that place is not about the token.
    pub(crate) fn was_led_away(&self, response: &Response) -> bool {
        js::get(response, "redirected").is_truthy()
            && Url::new(&js::get(response, "url"), &JsValue::UNDEFINED)
                .is_ok_and(|url| url.origin() != self.url.origin())
    }

    /// Sends the request as the caller gave it.
    pub(crate) fn send_unchanged(&self) -> Result<Promise, JsValue> {
        if self.is_request { js::fetch(&self.input, &self.init) } else { self.fetch() }
    }

    /// Sends the request with the token. `last`: it will not be sent again.
    pub(crate) fn send(&mut self, authorization: &JsString, last: bool) -> Result<Promise, JsValue> {
        if !self.is_request {
            // Into what is empty, an object is the quicker way.
            match &self.headers {
                Some(headers) => AUTHORIZATION.with(|name| headers.set(name, authorization)),
                None => {
                    let headers = Init::empty();
                    headers.set_authorization(authorization);
                    self.init.set_headers(&headers);
                }
            }
            return self.fetch();
        }
        // Leaves the caller's own as `fetch` does: read, and without our token.
        let request = match self.replay.take() {
            Some(replay) => replay,
            None => Request::new(&self.input, &self.init)?,
        };
        if !last && self.replayable && !is_bodiless(&request) {
            self.replay = Some(request.clone_request()?.unchecked_into());
        }
        AUTHORIZATION.with(|name| request.headers().unchecked_ref::<Headers>().set(name, authorization));
        // `fetch` may know members that `Request` does not keep. When nothing is left, it counts as none: any init makes
        // `fetch` forget the referrer of a `Request`.
        let extras = Init::empty();
        assign(&extras, &self.init)?;
        extras.set_headers(&JsValue::UNDEFINED);
        extras.set_body(&JsValue::UNDEFINED);
        js::fetch(&request, &extras)
    }

    fn fetch(&self) -> Result<Promise, JsValue> {
        if self.transport.is_undefined() {
            return js::fetch(&self.input, &self.init);
        }
        let transport: &Function = self.transport.unchecked_ref();
        transport.call2(&JsValue::UNDEFINED, &self.input, &self.init).map(|sent| Promise::resolve(&sent))
    }

    /// Lets go of what a replay would have needed: the other branch of the body is read, and this one would be kept.
    pub(crate) fn release(&self) {
        if let Some(replay) = &self.replay {
            cancel_body(replay);
        }
    }
}

/// `Bearer` and a token.
pub(crate) fn bearer(token: &JsString) -> JsString {
    BEARER.with(|bearer| bearer.concat(token))
}

/// Ends the transfer of a body that will not be read. Whether that succeeds does not matter.
pub(crate) fn cancel_body(message: &JsValue) {
    let body = message.unchecked_ref::<Init>().body();
    if body.is_object()
        && let Ok(cancelled) = body.unchecked_ref::<Body>().cancel()
    {
        let _ = js::then(&cancelled, None, Some(Callback::new(|_| JsValue::UNDEFINED)));
    }
}

fn as_request(value: &JsValue) -> Option<Request> {
    value.is_instance_of::<web_sys::Request>().then(|| value.clone().unchecked_into())
}

/// A stream, or what Node takes for one, can be read once.
fn is_stream(body: &JsValue) -> bool {
    body.is_object()
        && (body.is_instance_of::<ReadableStream>()
            || Reflect::get(body, &Symbol::async_iterator()).is_ok_and(|iterate| !js::is_missing(&iterate)))
}

fn is_bodiless(request: &Request) -> bool {
    // Undefined where the engine does not show it.
    request.body().is_null() || matches!(js::get(request, "method").as_string().as_deref(), Some("GET" | "HEAD"))
}
