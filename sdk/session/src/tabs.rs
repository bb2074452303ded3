//! Messages between the tabs of a browser, by a BroadcastChannel.

use guestpass_core::{Stored, TabMessage, Version};
use js_sys::JsString;
use serde::Serialize;
use wasm_bindgen::prelude::*;
use web_sys::BroadcastChannel;

use crate::js::{self, JsFunction, get, number, whole_number};
use crate::record;
use crate::session_manager::SessionManager;

/// The data of a message event.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum MessageData {
    Committed { epoch: f64, generation: f64 },
    SignedOut { epoch: f64, end_reason: &'static str },
}

/// The channel of one session, which is closed when it is dropped.
pub(crate) struct Channel {
    channel: BroadcastChannel,
    _on_message: JsFunction,
}

impl Channel {
    /// `None` where there is no BroadcastChannel. `on_message` is called with each message event.
    pub(crate) fn open(key: &JsString, on_message: JsFunction) -> Option<Self> {
        let channel = BroadcastChannel::new(&String::from(key)).ok()?;
        channel.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        js::unref(&channel);
        Some(Self { channel, _on_message: on_message })
    }

    pub(crate) fn publish(&self, message: TabMessage) {
        // `post_message` throws for values that cannot be copied and for a closed channel: neither happens here.
        let _ = self.channel.post_message(&encode(message));
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.channel.set_onmessage(None);
        self.channel.close();
    }
}

fn encode(message: TabMessage) -> JsValue {
    js::to_js(&match message {
        TabMessage::Committed(Version { epoch, generation }) => {
            MessageData::Committed { epoch: number(epoch), generation: number(generation) }
        }
        TabMessage::SignedOut { epoch, end_reason } => {
            MessageData::SignedOut { epoch: number(epoch), end_reason: record::encode_end_reason(end_reason) }
        }
    })
}

impl SessionManager {
    /// Decodes a message event; `None` for data that this crate did not write.
    pub(crate) fn decode_message(event: &JsValue) -> Option<TabMessage> {
        let data = get(event, "data");
        let epoch = whole_number(&get(&data, "epoch"))?;
        let r#type = get(&data, "type");
        if r#type == "committed" {
            let generation = whole_number(&get(&data, "generation"))?;
            return Some(TabMessage::Committed(Version { epoch, generation }));
        }
        let end_reason = record::decode_end_reason(&get(&data, "end_reason"));
        (r#type == "signed_out").then_some(TabMessage::SignedOut { epoch, end_reason })
    }

    /// Decodes a storage event as a message: the version that another tab has stored, or the version of an empty storage if
    /// the new value is not a record. `None` for an event about another key.
    pub(crate) fn decode_storage_event(&self, event: &JsValue) -> Option<TabMessage> {
        let changed = get(event, "key");
        // The key is null when the whole storage was cleared.
        if !changed.is_null() && changed != *JsValue::as_ref(&self.key) {
            return None;
        }
        Some(TabMessage::Committed(match record::decode(&self.handles, &get(event, "newValue")) {
            Some(Stored::Record(record)) => record.version,
            _ => Version::default(),
        }))
    }
}
