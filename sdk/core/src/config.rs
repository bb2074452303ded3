/// How a machine behaves. All durations are in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    /// Who else sees the storage.
    pub sharing: Sharing,
    /// What to do when the server ended the session.
    pub on_identity_lost: OnIdentityLost,
    /// Where jitter starts. Not a secret: keys come in as [`crate::Input::KeyMade`].
    pub seed: u64,
    /// The longest wait for the lock. Longer than a request, so that a slow holder is not overtaken.
    pub lock_wait: u64,
    /// How long one answer of the storage is waited for, and then once more: a page that was held up, by its own work or by
    /// a sleep, could not take the answer in the first time.
    pub storage_timeout: u64,
    /// The longest wait for one answer of the server.
    pub http_timeout: u64,
    /// Without the lock: how long a tab lets other tabs' acquire keys arrive before it acquires. On a busy machine that has taken
    /// more than 150 ms (WebKitGTK).
    pub acquire_key_settle: u64,
    /// How long the other tab's writes may take to be seen here after it has released the lock: localStorage travels
    /// between processes slower than Web Locks do (27 ms seen in Chromium).
    pub storage_lag: u64,
    /// The first back-off; it doubles with every error.
    pub backoff_base: u64,
    /// The longest back-off, and the longest `Retry-After` that is obeyed.
    pub backoff_cap: u64,
    /// How long the word of the browser that it is offline is believed.
    pub offline_probe: u64,
    /// A token that was renewed after a 401 and is refused again within this time is not at fault: the 401 is
    /// delivered, and no further renewal is tried. It bounds what a resource that always answers 401 can cost.
    pub refusal_cooldown: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            sharing: Sharing::Tabs,
            on_identity_lost: OnIdentityLost::Reacquire,
            seed: 0,
            lock_wait: 12_000,
            storage_timeout: 1_000,
            http_timeout: 10_000,
            acquire_key_settle: 400,
            storage_lag: 50,
            backoff_base: 500,
            backoff_cap: 60_000,
            offline_probe: 30_000,
            refusal_cooldown: 10_000,
        }
    }
}

/// Who else sees the storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sharing {
    /// Every tab of the browser profile: the lock, the acquire keys and the message make one of them.
    Tabs,
    /// This tab alone, also after a reload: no lock, no acquire keys of others, no message.
    OneTab,
    /// Nobody: there is no storage but the machine itself.
    Nobody,
}

/// What a session does when the server has ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum OnIdentityLost {
    /// Start a fresh guest, and report the event `identity`.
    Reacquire,
    /// Report the event `identity`, and refuse every call until the next `start`.
    Stop,
}
