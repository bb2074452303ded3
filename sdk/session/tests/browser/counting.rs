//! Counts the listeners, timers, channels and locks that a session has not freed.

use js_sys::{Array, Date, Promise};
use wasm_bindgen::prelude::*;

use crate::fixture::{Replaced, get, js, key_of, replace};

/// Counts until it is dropped. In JavaScript, because the wrapped functions have a `this`.
pub(crate) struct Counting(#[expect(dead_code, reason = "restores the functions when dropped")] [Replaced; 5]);

impl Counting {
    pub(crate) fn start() -> Self {
        js("globalThis.held = { listeners: 0, timers: new Set(), channels: 0, opened: 0 }");
        let wrap = |owner: &str, name: &'static str, wrapper: &str| {
            replace(&js(owner), name, js(&format!("(({wrapper})({owner}.{name}))")))
        };
        Self([
            wrap(
                "EventTarget.prototype",
                "addEventListener",
                "(original) => function (...given) { held.listeners++; return original.apply(this, given) }",
            ),
            wrap(
                "EventTarget.prototype",
                "removeEventListener",
                "(original) => function (...given) { held.listeners--; return original.apply(this, given) }",
            ),
            wrap(
                "globalThis",
                "setTimeout",
                "(original) => (call, delay) => {
                    const id = original(() => { held.timers.delete(id); call() }, delay)
                    held.timers.add(id)
                    return id
                }",
            ),
            wrap("globalThis", "clearTimeout", "(original) => (id) => { held.timers.delete(id); original(id) }"),
            wrap(
                "globalThis",
                "BroadcastChannel",
                "(original) => class extends original {
                    constructor(name) { super(name); held.channels++; held.opened++ }
                    close() { held.channels--; super.close() }
                }",
            ),
        ])
    }

    pub(crate) fn listeners(&self) -> f64 {
        count("held.listeners")
    }

    pub(crate) fn timers(&self) -> f64 {
        count("held.timers.size")
    }

    pub(crate) fn channels(&self) -> f64 {
        count("held.channels")
    }

    /// The number of all channels that were opened.
    pub(crate) fn channels_opened(&self) -> f64 {
        count("held.opened")
    }

    /// Listeners, timers and channels.
    pub(crate) fn held(&self) -> [f64; 3] {
        [self.listeners(), self.timers(), self.channels()]
    }
}

fn count(expression: &str) -> f64 {
    js(expression).as_f64().unwrap()
}

/// Waits until no lock of a session is held or requested: the browser releases a lock in a later turn.
pub(crate) async fn no_locks(name: &str) {
    let start = Date::now();
    while locks(name).await > 0 {
        assert!(Date::now() - start < 10_000.0, "a lock of {name} is held or asked for");
    }
}

async fn locks(name: &str) -> usize {
    let all = js("navigator.locks.query()").unchecked_into::<Promise>().await.unwrap();
    let lists = [get(&all, "held"), get(&all, "pending")];
    let locks = lists.iter().flat_map(|list| list.unchecked_ref::<Array>().iter());
    locks.filter(|lock| get(lock, "name") == key_of(name).as_str()).count()
}
