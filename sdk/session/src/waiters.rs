//! The calls that wait for an outcome of the machine.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use guestpass_core::{Grant, Input, Outcome, SessionError, Version, WaiterId};
use js_sys::{Function, JsString, Promise};
use wasm_bindgen::prelude::*;
use web_sys::{AbortSignal, DomException, Response};

use crate::callbacks::Callback;
use crate::error::CallError;
use crate::fetch_call::{FetchCall, bearer, cancel_body};
use crate::js;
use crate::listener::Listener;
use crate::session_manager::SessionManager;

/// An access token that the machine has granted, and the header value with it.
#[derive(Clone)]
pub(crate) struct GrantedToken {
    pub(crate) token: JsString,
    pub(crate) authorization: JsString,
    pub(crate) version: Version,
    /// 0 for the first send of a request, 1 for its replay.
    pub(crate) attempt: u8,
}

/// What a call does when it has its outcome.
pub(crate) enum Continuation {
    /// It resolves with the value of the outcome.
    Resolve,
    /// It resolves with the value of the outcome. Until then, this account request may have to be sent: an object with the
    /// members `method`, `path` and `body`. The machine has none of them.
    Account(JsValue),
    /// It resolves with the access token.
    ResolveToken,
    /// It sends the request.
    Send(FetchCall),
    /// It sends the request again, or resolves with this response, a 401.
    Replay(FetchCall, Response),
}

struct Waiter {
    id: WaiterId,
    continuation: Continuation,
    resolve: Function,
    reject: Function,
    signal: Option<AbortSignal>,
    /// Shared by the waiters of this signal: Node warns of more than ten listeners. Removed with the last of them.
    on_abort: Option<Rc<Listener>>,
}

#[derive(Default)]
pub(crate) struct Waiters {
    waiting: RefCell<Vec<Waiter>>,
    next: Cell<u32>,
}

impl Waiters {
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.borrow().is_empty()
    }

    /// The account request of a call that waits.
    pub(crate) fn account_call(&self, id: WaiterId) -> JsValue {
        for waiter in &*self.waiting.borrow() {
            if let Continuation::Account(call) = &waiter.continuation
                && waiter.id == id
            {
                return call.clone();
            }
        }
        JsValue::UNDEFINED
    }

    /// The listener of a signal for which other calls wait already.
    fn listener_of(&self, signal: &AbortSignal) -> Option<Rc<Listener>> {
        let waiting = self.waiting.borrow();
        // The last one first: that finds the signal of many calls at once.
        waiting.iter().rev().find(|waiter| waiter.signal.as_ref() == Some(signal))?.on_abort.clone()
    }

    fn take(&self, id: WaiterId) -> Option<Waiter> {
        let mut waiting = self.waiting.borrow_mut();
        let index = waiting.iter().position(|waiter| waiter.id == id)?;
        Some(waiting.remove(index))
    }
}

impl SessionManager {
    /// Waits for the outcome of the input that `ask` returns, or for the caller's abort.
    pub(crate) fn wait(
        &self,
        continuation: Continuation,
        signal: Option<&AbortSignal>,
        ask: &dyn Fn(WaiterId) -> Input,
    ) -> Promise {
        if let Some(signal) = signal.filter(|signal| signal.aborted()) {
            return Promise::reject(&abort_reason(signal));
        }
        let id = WaiterId(self.waiters.next.get());
        self.waiters.next.set(id.0.wrapping_add(1));
        let mut functions = None;
        let promise = Promise::new(&mut |resolve, reject| functions = Some((resolve, reject)));
        if let Some((resolve, reject)) = functions {
            let on_abort = signal.map(|signal| {
                let new =
                    || Rc::new(Listener::new(signal, "abort", self.js_function(Callback::Aborted(signal.clone()))));
                self.waiters.listener_of(signal).unwrap_or_else(new)
            });
            let signal = signal.cloned();
            self.waiters.waiting.borrow_mut().push(Waiter { id, continuation, resolve, reject, signal, on_abort });
        }
        self.feed(ask(id));
        promise
    }

    /// Abandons the calls of a signal.
    pub(crate) fn abandon(&self, signal: &AbortSignal) {
        let waiting = self.waiters.waiting.borrow();
        let waiters = waiting.iter().filter(|waiter| waiter.signal.as_ref() == Some(signal)).map(|waiter| waiter.id);
        let waiters: Vec<WaiterId> = waiters.collect();
        drop(waiting);
        for waiter in waiters {
            self.feed(Input::Abandon { waiter });
        }
    }

    fn granted_token(&self, grant: Grant) -> GrantedToken {
        let token = self.handles.text(grant.access_token);
        GrantedToken { authorization: bearer(&token), token, version: grant.version, attempt: grant.attempt }
    }

    pub(crate) fn settle(&self, id: WaiterId, outcome: Outcome) {
        let granted = if let Outcome::Token(grant) = outcome { Some(self.granted_token(grant)) } else { None };
        self.note_grant(granted.as_ref());
        let Some(Waiter { continuation, resolve, reject, signal, .. }) = self.waiters.take(id) else { return };
        let result = match outcome {
            Outcome::Token(_) => self.proceed(continuation, granted),
            Outcome::PassThrough => Ok(pass_through(continuation)),
            Outcome::Done => Ok(JsValue::UNDEFINED),
            Outcome::Response(response) => js::parse_json(&self.handles.text(response)),
            Outcome::Refused { status, reason } => {
                Err((self.to_error)(CallError::refused(status, self.handles.text(reason).into())))
            }
            Outcome::Failed(error) => {
                if let Continuation::Replay(call, response) = continuation {
                    call.release();
                    cancel_body(&response);
                }
                let unsolved = self.unsolved.borrow().clone();
                Err(match signal {
                    Some(signal) if error == SessionError::Aborted => abort_reason(&signal),
                    _ if error == SessionError::UNSOLVED && !unsolved.is_undefined() => unsolved,
                    _ => (self.to_error)(error.into()),
                })
            }
        };
        // The functions that settle a promise do not throw.
        let _ = match result {
            Ok(value) => resolve.call1(&JsValue::UNDEFINED, &value),
            Err(error) => reject.call1(&JsValue::UNDEFINED, &error),
        };
    }

    fn proceed(&self, continuation: Continuation, granted: Option<GrantedToken>) -> Result<JsValue, JsValue> {
        let Some(granted) = granted else { return Ok(JsValue::UNDEFINED) };
        match continuation {
            Continuation::Resolve | Continuation::Account(_) => Ok(JsValue::UNDEFINED),
            Continuation::ResolveToken => Ok(granted.token.into()),
            Continuation::Send(call) => self.send_call(call, granted).map(Into::into),
            Continuation::Replay(call, response) => {
                // Nothing reads this response.
                cancel_body(&response);
                self.send_call(call, granted).map(Into::into)
            }
        }
    }
}

/// The 401, for the caller.
fn pass_through(continuation: Continuation) -> JsValue {
    let Continuation::Replay(call, response) = continuation else { return JsValue::UNDEFINED };
    call.release();
    response.into()
}

/// The value that `fetch` rejects with for this signal. Older engines abort without a reason.
fn abort_reason(signal: &AbortSignal) -> JsValue {
    let reason = js::get(signal, "reason");
    if !reason.is_undefined() {
        return reason;
    }
    let aborted = DomException::new_with_message_and_name("the caller has aborted the call", "AbortError");
    aborted.map_or_else(|error| error, Into::into)
}
