//! The vocabulary of the tests: a page with sessions on it, and what can be seen of them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use guestpass_sdk::{Effects, WasmSession};
use js_sys::{Array, Function, Object, Promise, Reflect};
use serde::Deserialize;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortSignal, Response, Storage, XmlHttpRequest};

#[wasm_bindgen]
extern "C" {
    /// `Manager` in `npm/src/manager.ts`: the compiled machine with the shell around it.
    pub(crate) type Manager;
    #[wasm_bindgen(method)]
    pub(crate) fn start(this: &Manager) -> Promise;
    #[wasm_bindgen(method)]
    pub(crate) fn fetch(this: &Manager, input: JsValue, init: JsValue) -> Promise;
    #[wasm_bindgen(method)]
    pub(crate) fn token(this: &Manager, signal: Option<AbortSignal>, timeout: Option<f64>) -> Promise;
    #[wasm_bindgen(method, js_name = signOut)]
    pub(crate) fn sign_out(this: &Manager) -> Promise;
    #[wasm_bindgen(method)]
    pub(crate) fn expire(this: &Manager);
    #[wasm_bindgen(method)]
    pub(crate) fn close(this: &Manager);
}

/// Where the server is, as `127.0.0.1`, which the sessions take for their own.
pub(crate) const SERVER: &str = match option_env!("GUESTPASS_TEST_URL") {
    Some(url) => url,
    None => "http://127.0.0.1:8000",
};

/// Where sdk/tests/resources.mjs is, as `127.0.0.1`.
pub(crate) const RESOURCES: &str = match option_env!("GUESTPASS_TEST_RESOURCES") {
    Some(url) => url,
    None => "http://127.0.0.1:8001",
};

/// Called after each notification.
type Listener = Rc<RefCell<Option<Box<dyn Fn()>>>>;

thread_local! {
    static NAMES: Cell<u32> = const { Cell::new(0) };
    /// `(options, notify) => Manager`: `runSession` with the class that is compiled into this test.
    static RUN_SESSION: Function = run_session();
}

/// A test's own module cannot import what the npm package has around the machine: the script is read from the server.
fn run_session() -> Function {
    let asking = XmlHttpRequest::new().unwrap();
    asking.open_with_async("GET", &format!("{RESOURCES}/shell.js"), false).unwrap();
    asking.send().unwrap();
    let script = asking.response_text().unwrap().unwrap();
    let new = Closure::<dyn Fn(Effects, bool, bool, bool, f64) -> WasmSession>::new(WasmSession::new);
    let body = format!(
        "{script}
        function Machine(...it) {{ return create(...it) }}
        return (options, notify) => guestpassShell.runSession(Machine, options, notify)"
    );
    let run = Function::new_with_args("create", &body).call1(&JsValue::UNDEFINED, &new.into_js_value()).unwrap();
    run.unchecked_into()
}

/// A session, and what it has told.
pub(crate) struct Session {
    pub(crate) wasm: Manager,
    pub(crate) told: Rc<RefCell<Vec<(JsValue, JsValue)>>>,
    listener: Listener,
    _notify: Closure<dyn FnMut(JsValue, JsValue)>,
}

/// A name that no other test uses.
pub(crate) fn fresh_name() -> String {
    let number = NAMES.with(|names| names.replace(names.get() + 1));
    format!("test-{number}-{}", js_sys::Date::now())
}

/// What the record, the lock and the channel of a session are called.
pub(crate) fn key_of(name: &str) -> String {
    format!("guestpass:{name}@{SERVER}")
}

pub(crate) fn open(name: &str) -> Session {
    open_with(name, &[])
}

/// Opens a session whose token goes to the resource servers too, on one of their two origins.
pub(crate) fn open_for_resources() -> Session {
    let origins = Array::of2(&SERVER.into(), &RESOURCES.into()).into();
    open_with(&fresh_name(), &[("storage", "memory".into()), ("allowedOrigins", origins)])
}

/// Opens a session with some options of its own.
pub(crate) fn open_with(name: &str, options: &[(&str, JsValue)]) -> Session {
    let all = Object::new();
    let origins = Array::of1(&SERVER.into());
    let defaults: [(&str, JsValue); 6] = [
        ("baseUrl", SERVER.into()),
        ("name", name.into()),
        ("allowedOrigins", origins.into()),
        ("storage", "local".into()),
        ("onIdentityLost", "reacquire".into()),
        ("timeout", 5_000.into()),
    ];
    for (key, value) in defaults.iter().chain(options) {
        Reflect::set(&all, &(*key).into(), value).unwrap();
    }
    let told: Rc<RefCell<Vec<(JsValue, JsValue)>>> = Rc::default();
    let listener = Listener::default();
    let (telling, listening) = (Rc::clone(&told), Rc::clone(&listener));
    let notify = Closure::<dyn FnMut(JsValue, JsValue)>::new(move |snapshot, event| {
        telling.borrow_mut().push((snapshot, event));
        if let Some(listener) = &*listening.borrow() {
            listener();
        }
    });
    let run_session = RUN_SESSION.with(Function::clone);
    let wasm = run_session.call2(&JsValue::UNDEFINED, &all, notify.as_ref()).unwrap().unchecked_into();
    Session { wasm, told, listener, _notify: notify }
}

impl Session {
    pub(crate) fn on_notify(&self, listener: impl Fn() + 'static) {
        self.listener.replace(Some(Box::new(listener)));
    }

    pub(crate) async fn token(&self) -> String {
        settled(self.wasm.token(None, None)).await.unwrap().as_string().unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.fetch(&path.into(), &JsValue::UNDEFINED).await.unwrap()
    }

    pub(crate) async fn fetch(&self, input: &JsValue, init: &JsValue) -> Result<Response, JsValue> {
        settled(self.wasm.fetch(input.clone(), init.clone())).await.map(JsCast::unchecked_into)
    }

    /// A field of the snapshot that was told last.
    pub(crate) fn snapshot(&self, field: &str) -> JsValue {
        let told = self.told.borrow();
        told.last().map_or(JsValue::UNDEFINED, |(snapshot, _)| get(snapshot, field))
    }

    pub(crate) fn status(&self) -> String {
        self.snapshot("status").as_string().unwrap_or_default()
    }

    pub(crate) fn id(&self) -> String {
        self.snapshot("id").as_string().unwrap_or_default()
    }

    /// The events of one type.
    pub(crate) fn events(&self, kind: &str) -> Vec<JsValue> {
        let told = self.told.borrow();
        let events = told.iter().map(|(_, event)| event).filter(|event| event.is_object());
        events.filter(|event| get(event, "type") == kind).cloned().collect()
    }
}

/// A session that nobody uses any more would go on listening to the page of the next test.
impl Drop for Session {
    fn drop(&mut self) {
        self.wasm.close();
    }
}

/// Waits until something holds; fails the test when it does not within five seconds.
pub(crate) async fn until(what: &str, holds: impl Fn() -> bool) {
    let start = js_sys::Date::now();
    while !holds() {
        assert!(js_sys::Date::now() - start < 5_000.0, "in vain: {what}");
        let turn = Promise::new(&mut |resolve, _| {
            web_sys::window().unwrap().set_timeout_with_callback(&resolve).unwrap();
        });
        settled(turn).await.unwrap();
    }
}

pub(crate) async fn settled(promise: Promise) -> Result<JsValue, JsValue> {
    JsFuture::from(promise).await
}

pub(crate) async fn json(response: Response) -> JsValue {
    settled(response.json().unwrap()).await.unwrap()
}

pub(crate) fn get(object: &JsValue, key: &str) -> JsValue {
    Reflect::get(object, &key.into()).unwrap()
}

pub(crate) fn object(entries: &[(&str, JsValue)]) -> JsValue {
    let object = Object::new();
    for (key, value) in entries {
        Reflect::set(&object, &(*key).into(), value).unwrap();
    }
    object.into()
}

/// A `RequestInit`.
pub(crate) fn post(body: &JsValue, headers: &[(&str, JsValue)]) -> JsValue {
    object(&[("method", "POST".into()), ("body", body.clone()), ("headers", object(headers))])
}

/// What an expression is worth.
pub(crate) fn js(expression: &str) -> JsValue {
    Function::new_no_args(&format!("return ({expression})")).call0(&JsValue::UNDEFINED).unwrap()
}

/// Replaces a global until dropped, also when the test fails.
pub(crate) struct Replaced {
    owner: Object,
    name: &'static str,
    before: JsValue,
}

pub(crate) fn replace(owner: &JsValue, name: &'static str, descriptor: &JsValue) -> Replaced {
    let owner: Object = owner.clone().unchecked_into();
    let before = Object::get_own_property_descriptor(&owner, &name.into());
    Reflect::set(descriptor, &"configurable".into(), &true.into()).unwrap();
    Object::define_property(&owner, &name.into(), descriptor.unchecked_ref());
    Replaced { owner, name, before }
}

impl Drop for Replaced {
    fn drop(&mut self) {
        match self.before.dyn_ref::<Object>() {
            Some(before) => drop(Object::define_property(&self.owner, &self.name.into(), before)),
            None => drop(Reflect::delete_property(&self.owner, &self.name.into())),
        }
    }
}

pub(crate) fn code(error: &JsValue) -> String {
    get(error, "code").as_string().unwrap_or_default()
}

pub(crate) fn local_storage() -> Storage {
    web_sys::window().unwrap().local_storage().unwrap().unwrap()
}

/// A record in localStorage, as far as the tests look at it.
#[derive(Deserialize)]
pub(crate) struct StoredRecord {
    pub(crate) generation: u64,
    pub(crate) credential: Option<StoredCredential>,
}

#[derive(Deserialize)]
pub(crate) struct StoredCredential {
    refresh_token: String,
}

impl StoredRecord {
    pub(crate) fn refresh_token(self) -> String {
        self.credential.unwrap().refresh_token
    }
}

/// The record that is stored for a session.
pub(crate) fn record(name: &str) -> StoredRecord {
    serde_wasm_bindgen::from_value(stored(name)).unwrap()
}

/// What is stored for a session, parsed.
pub(crate) fn stored(name: &str) -> JsValue {
    let text = local_storage().get_item(&key_of(name)).unwrap();
    text.map_or(JsValue::NULL, |text| js_sys::JSON::parse(&text).unwrap())
}
