//! IndexedDB: one database for all sessions of an origin, with one object store.

use js_sys::{JsString, Promise};
use wasm_bindgen::prelude::*;
use web_sys::{EventTarget, IdbDatabase, IdbFactory, IdbOpenDbRequest, IdbTransactionMode};

use crate::js::{self, JsFunction};

const DATABASE: &str = "guestpass";
const SESSIONS: &str = "sessions";

/// Stores a text under `key`, or loads the stored one. Returns a promise, which resolves with the result when the transaction is
/// complete: a write has no effect before.
///
/// No connection stays open between two operations: it would delay a deletion of the database, and could keep the page out of
/// the back/forward cache.
pub(super) fn operate(key: &JsString, text: Option<&JsString>) -> Result<JsValue, JsValue> {
    let factory = js::global("indexedDB");
    if !factory.is_object() {
        return Err(factory);
    }
    let opening = factory.unchecked_ref::<IdbFactory>().open_with_u32(DATABASE, 1)?;
    let upgrading = opening.clone();
    let upgrade = JsFunction::new(move |_| {
        let database: IdbDatabase = upgrading.result().unwrap_or_default().unchecked_into();
        or_rejected(database.create_object_store(SESSIONS).map(Into::into))
    });
    opening.add_event_listener_with_callback("upgradeneeded", upgrade.into_js_value().unchecked_ref())?;
    let opened = either(&opening, "success", "error");
    let (key, text) = (key.clone(), text.cloned());
    let transact = JsFunction::new(move |_| or_rejected(transact(&opening, &key, text.as_ref())));
    Ok(js::then(&opened, Some(transact), None).into())
}

fn transact(opening: &IdbOpenDbRequest, key: &JsString, text: Option<&JsString>) -> Result<JsValue, JsValue> {
    let database: IdbDatabase = opening.result()?.unchecked_into();
    let mode = if text.is_some() { IdbTransactionMode::Readwrite } else { IdbTransactionMode::Readonly };
    let begun = database.transaction_with_str_and_mode(SESSIONS, mode).and_then(|transaction| {
        let sessions = transaction.object_store(SESSIONS)?;
        let request = match text {
            Some(text) => sessions.put_with_key(text, key),
            None => sessions.get(key),
        };
        request.map(|request| (transaction, request))
    });
    let (transaction, request) = begun.inspect_err(|_| database.close())?;
    let complete = either(&transaction, "complete", "abort");
    let failing = database.clone();
    let done = JsFunction::new(move |_| {
        database.close();
        or_rejected(request.result())
    });
    let failed = JsFunction::new(move |error| {
        failing.close();
        or_rejected(Err(error))
    });
    Ok(js::then(&complete, Some(done), Some(failed)).into())
}

/// A promise that the first event fulfils and the second rejects.
fn either(target: &EventTarget, fulfils: &str, rejects: &str) -> Promise {
    Promise::new(&mut |resolve, reject| {
        // It does not throw for these arguments.
        let _ = target.add_event_listener_with_callback(fulfils, &resolve);
        let _ = target.add_event_listener_with_callback(rejects, &reject);
    })
}

fn or_rejected(result: Result<JsValue, JsValue>) -> JsValue {
    result.unwrap_or_else(|error| Promise::reject(&error).into())
}
