//! The run loop: take an input, handle it, perform the effects, emit the changes, arm one timer.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::{Rc, Weak};
use std::time::Duration;

use guestpass_core::{AccountRequestKind, Config, Effect, Input, Machine, Sharing, Snapshot as MachineSnapshot};
use js_sys::{Function, JsString, Promise};
use wasm_bindgen::prelude::*;
use web_sys::{AbortSignal, Response};

use crate::base64url;
use crate::callbacks::{self, Callback};
use crate::clock;
use crate::debug_log::DebugLog;
use crate::error::CallError;
use crate::fetch_call::{FetchCall, Origins};
use crate::handles::Handles;
use crate::js::{self, JsFunction, number};
use crate::listener::Listener;
use crate::options::{Options, ToError, TokenOptions};
use crate::server_request::InFlight;
use crate::server_response::header;
use crate::session_event::SessionEvent;
use crate::snapshot::Snapshot;
use crate::storage::Storage;
use crate::subscription::{OnChange, SubscriberList, Subscribers, Subscription};
use crate::tabs::Channel;
use crate::timer::Timer;
use crate::waiters::{Continuation, GrantedToken, Waiters};
use crate::web_locks::WebLocks;
use crate::www_authenticate::is_about_token;

/// The session manager: runs the session machine of one session. It borrows no cell while JavaScript runs, because
/// JavaScript may call back.
pub(crate) struct SessionManager {
    this: Weak<Self>,
    /// The name of the record, the lock and the channel. It contains the base URL: tokens of one server never go to another
    /// (C12).
    pub(crate) key: JsString,
    pub(crate) origins: Origins,
    timeout: Duration,
    /// Sends each request; undefined for the global function.
    pub(crate) fetch: JsValue,
    /// Returns further headers of each request of the session itself; undefined if there are none.
    pub(crate) headers: JsValue,
    /// The defaults of the requests of callers, or undefined: an object with the members of `RequestOptions`.
    pub(crate) requests: JsValue,
    on_change: Box<OnChange>,
    subscribers: OnceCell<Box<dyn Subscribers>>,
    pub(crate) to_error: ToError,
    pub(crate) solver: Option<Function>,
    /// Why the solver has failed.
    pub(crate) unsolved: RefCell<JsValue>,
    log: Option<DebugLog>,
    pub(crate) storage: Storage,
    pub(crate) handles: Handles,
    machine: RefCell<Machine>,
    /// A handful at most, so a list is fast enough.
    inputs: RefCell<Vec<Input>>,
    running: Cell<bool>,
    /// The snapshot that was emitted last.
    snapshot: Cell<MachineSnapshot>,
    pub(crate) waiters: Waiters,
    pub(crate) in_flight: RefCell<InFlight>,
    pub(crate) locks: RefCell<WebLocks>,
    listeners: RefCell<Vec<Listener>>,
    channel: RefCell<Option<Channel>>,
    timer: RefCell<Timer>,
    grant: StandingGrant,
    /// The session manager itself, while the machine is busy: an operation that is under way is completed although the app has
    /// dropped the session.
    keep_alive: RefCell<Option<Rc<Self>>>,
}

/// The token that the machine would grant for now. Until the time that the machine has set, and while there is no other input,
/// a call takes it without asking the machine.
#[derive(Default)]
struct StandingGrant {
    /// The token that was granted in this turn of the loop.
    latest: RefCell<Option<GrantedToken>>,
    standing: RefCell<Option<GrantedToken>>,
    /// The monotonic time and the wall-clock time, in milliseconds.
    until: Cell<(f64, f64)>,
}

/// A caller's request that was sent, and its response when it has arrived.
struct SentCall {
    call: FetchCall,
    granted: GrantedToken,
    response: JsValue,
}

impl SessionManager {
    pub(crate) fn new(options: Options) -> Rc<Self> {
        let storage = Storage::open(options.storage);
        // Shorter than the wait of a call, so that a request without a response is repeated while the call waits; but a call that
        // waits for a short time does not abort a request that others need.
        let http_timeout = (clock::milliseconds(options.timeout) / 3 * 2).max(10_000);
        let machine = Machine::new(Config {
            http_timeout,
            // Longer, so that a tab waits for the slow request of another tab.
            lock_wait: http_timeout.saturating_add(2_000),
            sharing: storage.sharing(),
            on_identity_lost: options.on_identity_lost,
            seed: seed(),
            ..Config::default()
        });
        let origins = Origins::new(&options.base_url, options.allowed_origins);
        let name = options.name.unwrap_or_else(|| "default".into());
        let key = JsString::from("guestpass:").concat(&name).concat(&"@".into()).concat(&origins.base_url);
        let manager = Rc::new_cyclic(|this: &Weak<Self>| Self {
            key,
            origins,
            timeout: options.timeout,
            fetch: options.fetch,
            headers: options.headers,
            requests: options.requests,
            on_change: options.on_change.unwrap_or_else(|| Box::new(|_, _| ())),
            subscribers: OnceCell::new(),
            to_error: options.to_error.unwrap_or_else(|| Box::new(CallError::into_error)),
            solver: options.solver,
            unsolved: RefCell::default(),
            log: options.on_step.map(DebugLog::new),
            storage,
            handles: Handles::new(),
            snapshot: Cell::new(*machine.snapshot()),
            machine: RefCell::new(machine),
            inputs: RefCell::default(),
            running: Cell::default(),
            waiters: Waiters::default(),
            in_flight: RefCell::default(),
            locks: RefCell::default(),
            listeners: RefCell::default(),
            channel: RefCell::default(),
            timer: RefCell::new(Timer::new(callbacks::js_function(this, Callback::Tick))),
            grant: StandingGrant::default(),
            keep_alive: RefCell::default(),
            this: this.clone(),
        });
        manager.open_channel();
        let listeners = manager.listen();
        manager.listeners.replace(listeners);
        manager
    }

    /// A function for JavaScript. It does nothing when the session no longer exists.
    pub(crate) fn js_function(&self, callback: Callback) -> JsFunction {
        callbacks::js_function(&self.this, callback)
    }

    /// Handles an input and performs its effects. An input that arrives in the meantime is handled afterwards.
    pub(crate) fn feed(&self, input: Input) {
        if let Some(log) = &self.log {
            log.input(&input);
        }
        self.inputs.borrow_mut().push(input);
        if self.running.replace(true) {
            return;
        }
        while let Some(input) = self.next_input() {
            let now = clock::now();
            self.machine.borrow_mut().handle(now, input);
            while let Some(effect) = self.next_effect() {
                if let Some(log) = &self.log {
                    log.effect(&effect);
                }
                self.perform(effect);
            }
            self.emit_changes(now.wall);
        }
        self.end_turn();
        self.running.set(false);
    }

    fn next_input(&self) -> Option<Input> {
        let mut inputs = self.inputs.borrow_mut();
        if inputs.is_empty() { None } else { Some(inputs.remove(0)) }
    }

    fn next_effect(&self) -> Option<Effect> {
        self.machine.borrow_mut().poll_effect()
    }

    fn perform(&self, effect: Effect) {
        match effect {
            Effect::Load { op } => self.load(op),
            Effect::Store { op, record } => self.store(op, &record),
            Effect::TakeLock { op } => self.take_lock(op),
            Effect::ReleaseLock { op } => {
                self.drop_lock(op);
            }
            Effect::MakeKey { op } => {
                if let Some(key) = self.handles.handle(random_key().into()) {
                    self.feed(Input::KeyMade { op, key });
                }
            }
            Effect::Send { op, request } => self.send(op, &request),
            Effect::Solve { op, problem } => self.solve(op, problem),
            Effect::Cancel { op } => self.cancel(op),
            Effect::Publish(message) => {
                if let Some(channel) = &*self.channel.borrow() {
                    channel.publish(message);
                }
            }
            Effect::Settle { waiter, outcome } => self.settle(waiter, outcome),
            Effect::Shutdown => {
                self.channel.take();
                self.listeners.take();
            }
        }
    }

    /// Emits the changes of this step: once for each event, or once for the snapshot alone.
    fn emit_changes(&self, wall: u64) {
        let snapshot = *self.machine.borrow().snapshot();
        let changed = self.snapshot.replace(snapshot) != snapshot;
        let mut changed = changed.then(|| Snapshot::new(&self.handles, &snapshot));
        if let Some(log) = &self.log {
            log.end(snapshot.status);
        }
        loop {
            let Some(event) = self.machine.borrow_mut().poll_event() else { break };
            let event = SessionEvent::new(&self.handles, wall, event, self.storage.is_missing());
            self.emit(changed.take().as_ref(), Some(&event));
        }
        if let Some(snapshot) = changed {
            self.emit(Some(&snapshot), None);
        }
    }

    fn emit(&self, snapshot: Option<&Snapshot>, event: Option<&SessionEvent>) {
        (self.on_change)(snapshot, event);
        if let Some(subscribers) = self.subscribers.get() {
            subscribers.emit(snapshot, event);
        }
    }

    pub(crate) fn subscribe(&self, listener: Rc<OnChange>) -> Subscription {
        self.subscribers.get_or_init(|| Box::new(SubscriberList::default())).add(&listener);
        Subscription::new(listener)
    }

    /// All inputs are handled: prepares for the time until the next one.
    fn end_turn(&self) {
        let machine = self.machine.borrow();
        self.handles.retain(|handle| machine.references(handle));
        let until = machine.serves_until().unwrap_or_default();
        self.grant.until.set((number(until.mono), number(until.wall)));
        self.grant.standing.replace(self.grant.latest.take());
        let in_background = self.waiters.is_empty();
        self.timer.borrow_mut().arm(machine.poll_timeout(), in_background);
        let keep_alive = if machine.is_busy() { self.this.upgrade() } else { None };
        drop(machine);
        // This may drop the last owner: no cell is borrowed here.
        let _previous = self.keep_alive.replace(keep_alive);
    }

    pub(crate) fn timer_fired(&self) {
        self.timer.borrow_mut().fired();
    }

    pub(crate) fn open_channel(&self) {
        self.channel.take();
        if self.storage.sharing() == Sharing::Tabs {
            let on_message = self.js_function(Callback::TabMessage);
            self.channel.replace(Channel::open(&self.key, on_message));
        }
    }

    /// A hidden page has no channel: Chromium and Firefox remove a page that receives a message from the back/forward cache.
    /// When it is shown again, it reads the storage.
    pub(crate) fn close_channel(&self) {
        self.channel.take();
    }

    /// Storage events report that other code has emptied localStorage, and, without a channel, the changes of other tabs.
    pub(crate) fn needs_storage_events(&self) -> bool {
        self.storage.is_synchronous() && self.storage.sharing() == Sharing::Tabs
    }

    /// Notes the token that was granted in this turn. The grant of a replay is for that request only.
    pub(crate) fn note_grant(&self, granted: Option<&GrantedToken>) {
        if let Some(granted) = granted {
            self.grant.latest.replace((granted.attempt == 0).then(|| granted.clone()));
        }
    }

    /// The token that the machine would grant. `None` if there is a log: then each call asks the machine, and the log shows it.
    fn standing_grant(&self, signal: Option<&AbortSignal>) -> Option<GrantedToken> {
        if self.log.is_some() || signal.is_some_and(AbortSignal::aborted) {
            return None;
        }
        let (mono, wall) = self.grant.until.get();
        let standing = self.grant.standing.borrow();
        let granted = standing.as_ref()?;
        (clock::monotonic() < mono && clock::wall() < wall).then(|| granted.clone())
    }

    pub(crate) fn fetch(&self, input: &JsValue, init: &JsValue) -> Result<Promise, JsValue> {
        let call = FetchCall::new(self, input, init)?;
        if !call.takes_token(&self.origins) {
            return call.send_unchanged();
        }
        if let Some(granted) = self.standing_grant(call.signal.as_ref()) {
            return self.send_call(call, granted);
        }
        let (signal, fresh, deadline) = (call.signal.clone(), !call.replayable, clock::deadline(self.timeout));
        let ask = |waiter| Input::TokenWanted { waiter, deadline, fresh };
        Ok(self.wait(Continuation::Send(call), signal.as_ref(), &ask))
    }

    pub(crate) fn send_call(&self, mut call: FetchCall, granted: GrantedToken) -> Result<Promise, JsValue> {
        let sent = call.send(&granted.authorization, granted.attempt > 0)?;
        Ok(self.when(&sent, SentCall { call, granted, response: JsValue::UNDEFINED }, Self::call_responded))
    }

    /// Calls `next` with the value of a promise.
    fn when(&self, promise: &Promise, sent: SentCall, next: fn(&Self, SentCall, JsValue) -> JsValue) -> Promise {
        // A request keeps the session alive, although the app may have dropped it.
        let pending = Rc::new(Cell::new(self.this.upgrade().map(|manager| (manager, sent))));
        let failing = Rc::clone(&pending);
        let arrived = JsFunction::new(move |value: JsValue| match pending.take() {
            Some((manager, sent)) => next(&manager, sent, value),
            None => value,
        });
        // A failed request does not need the session. Without this, JavaScript would free it later.
        let failed = JsFunction::new(move |error| {
            drop(failing.take());
            Promise::reject(&error).into()
        });
        js::then(promise, Some(arrived), Some(failed))
    }

    /// Decides whether the response is about the token: by the caller's own function, or by the rule of C23.
    fn call_responded(&self, mut sent: SentCall, response: JsValue) -> JsValue {
        sent.response = response;
        let response: &Response = sent.response.unchecked_ref();
        let rule = &sent.call.is_unauthorized;
        if sent.call.was_redirected_elsewhere(response) {
            return self.call_judged(sent, JsValue::FALSE);
        }
        if rule.is_undefined() {
            let refused = response.status() == 401
                && header(response, "WWW-Authenticate").is_none_or(|challenges| is_about_token(&challenges));
            return self.call_judged(sent, refused.into());
        }
        match js::call_own(rule, response, &JsValue::UNDEFINED) {
            Ok(judged) => self.when(&judged, sent, Self::call_judged).into(),
            Err(error) => Promise::reject(&error).into(),
        }
    }

    /// The machine decides whether the request is replayed: once at most.
    fn call_judged(&self, SentCall { call, granted, response }: SentCall, unauthorized: JsValue) -> JsValue {
        if !unauthorized.is_truthy() {
            call.release();
            return response;
        }
        let (signal, replayable, deadline) = (call.signal.clone(), call.replayable, clock::deadline(self.timeout));
        let (version, attempt) = (granted.version, granted.attempt);
        let ask = |waiter| Input::Unauthorized { waiter, deadline, version, attempt, replayable };
        self.wait(Continuation::Replay(call, response.unchecked_into()), signal.as_ref(), &ask).into()
    }

    pub(crate) fn token(&self, TokenOptions { signal, timeout }: TokenOptions) -> Promise {
        let signal = signal.as_ref();
        if let Some(granted) = self.standing_grant(signal) {
            return Promise::resolve(&JsValue::from(granted.token));
        }
        let deadline = clock::deadline(timeout.unwrap_or(self.timeout));
        let ask = |waiter| Input::TokenWanted { waiter, deadline, fresh: false };
        self.wait(Continuation::ResolveToken, signal, &ask)
    }

    pub(crate) fn start(&self, reset: bool) -> Promise {
        self.wait(Continuation::Resolve, None, &|waiter| Input::Start { waiter, reset })
    }

    pub(crate) fn sign_out(&self, permanent: bool) -> Promise {
        self.wait(Continuation::Resolve, None, &|waiter| Input::SignOut { waiter, permanent })
    }

    /// `call`: see [`Continuation::Account`].
    pub(crate) fn account_request(&self, kind: AccountRequestKind, call: JsValue) -> Promise {
        let deadline = clock::deadline(self.timeout);
        self.wait(Continuation::Account(call), None, &|waiter| Input::AccountRequest { waiter, deadline, kind })
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot::new(&self.handles, &self.snapshot.get())
    }
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = crypto, js_name = getRandomValues)]
    fn get_random_values(array: &mut [u8]);
}

/// An idempotency key: 144 random bits, 24 characters.
fn random_key() -> String {
    let mut bytes = [0; 18];
    get_random_values(&mut bytes);
    base64url::encode(&bytes)
}

/// The seed of the jitter.
fn seed() -> u64 {
    let mut bytes = [0; 8];
    get_random_values(&mut bytes);
    u64::from_le_bytes(bytes)
}
