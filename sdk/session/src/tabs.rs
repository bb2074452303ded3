//! What tabs tell each other, by a BroadcastChannel.

use guestpass_core::{Stored, TabMessage, Version};
use js_sys::JsString;
use serde::Serialize;
use wasm_bindgen::prelude::*;
use web_sys::BroadcastChannel;

use crate::js::{self, Callback, get, number, whole_number};
use crate::manager::Manager;
use crate::record;

const COMMITTED: &str = "committed";
const SIGNED_OUT: &str = "signed_out";

#[derive(Serialize)]
struct TabMessage {
    news: &'static str,
    epoch: f64,
    generation: f64,
    end_reason: u8,
}

/// The channel of one session, which is closed when it is dropped.
pub(crate) struct Channel {
    channel: BroadcastChannel,
    _heard: Callback,
}

impl Channel {
    /// `None` where there are no channels. `heard` is called with each message event.
    pub(crate) fn open(key: &JsString, heard: Callback) -> Option<Self> {
        let channel = BroadcastChannel::new(&String::from(key)).ok()?;
        channel.set_onmessage(Some(heard.as_ref().unchecked_ref()));
        js::unref(&channel);
        Some(Self { channel, _heard: heard })
    }

    pub(crate) fn publish(&self, news: TabMessage) {
        let message = match news {
            TabMessage::Committed(Version { epoch, generation }) => {
                TabMessage { news: COMMITTED, epoch: number(epoch), generation: number(generation), end_reason: 0 }
            }
            TabMessage::SignedOut { epoch, end_reason } => {
                TabMessage { news: SIGNED_OUT, epoch: number(epoch), generation: 0.0, end_reason: end_reason as u8 }
            }
        };
        // It throws on what cannot be copied and on a closed channel, and this is neither.
        let _ = self.channel.post_message(&record::to_js(&message));
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.channel.set_onmessage(None);
        self.channel.close();
    }
}

impl Manager {
    /// What the data of a message event says; `None` for what this package did not write.
    pub(crate) fn decode_message(&self, event: &JsValue) -> Option<TabMessage> {
        let data = get(event, "data");
        let epoch = whole_number(&get(&data, "epoch"))?;
        let news = get(&data, "news");
        if news == COMMITTED {
            return Some(TabMessage::Committed(Version {
                epoch,
                generation: whole_number(&get(&data, "generation"))?,
            }));
        }
        let end_reason = record::decode_end_reason(whole_number(&get(&data, "end_reason")));
        (news == SIGNED_OUT).then_some(TabMessage::SignedOut { epoch, end_reason })
    }

    /// What a storage event says: the version that another tab has stored, that of an empty storage where it is no record.
    /// `None` where the event is about something else than this session.
    pub(crate) fn decode_storage_event(&self, event: &JsValue) -> Option<TabMessage> {
        let changed = get(event, "key");
        // Without a key, everything was cleared.
        if !changed.is_null() && changed != *JsValue::as_ref(&self.key) {
            return None;
        }
        Some(TabMessage::Committed(match record::decode(&self.handles, &get(event, "newValue")) {
            Some(Stored::Record(record)) => record.version,
            _ => Version::default(),
        }))
    }
}
