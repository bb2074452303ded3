/// The configuration of a machine. All durations are in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    /// Which tabs share the storage.
    pub sharing: Sharing,
    /// What to do when the server has ended the session.
    pub on_identity_lost: OnIdentityLost,
    /// Seed of the jitter. Not a secret: acquire keys come in by [`crate::Input::KeyMade`].
    pub seed: u64,
    /// The longest wait for the lock. Longer than [`Self::http_timeout`], so that a tab waits for the slow request of another tab.
    pub lock_wait: u64,
    /// The longest wait for a load or store. At this deadline, the machine waits once more as long: a page that was busy or
    /// asleep could not take the completion in time.
    pub storage_timeout: u64,
    /// The longest wait for a response of the server.
    pub http_timeout: u64,
    /// The longest wait for the answer to a challenge of the server: the lifetime of a challenge.
    pub solve_timeout: u64,
    /// Without the lock: how long a tab waits for the acquire keys of other tabs before it acquires. On a busy computer their
    /// writes have taken more than 150 ms to arrive (WebKitGTK).
    pub acquire_key_settle: u64,
    /// How long the writes of another tab may take to arrive after it has released the lock: localStorage travels between
    /// processes more slowly than Web Locks (27 ms seen in Chromium).
    pub storage_lag: u64,
    /// The upper bound of the first back-off; it doubles with every failure.
    pub backoff_base: u64,
    /// The longest back-off of a renewal.
    pub backoff_cap: u64,
    /// The longest `Retry-After` that is obeyed, and the longest back-off of a revocation.
    pub retry_after_cap: u64,
    /// How long a revocation is tried again if the expiry of its token is not known.
    pub revocation_lifetime: u64,
    /// How long no attempt is made after the browser has reported that it is offline.
    pub offline_probe: u64,
    /// A token that replaced a refused one is trusted for this time: if a resource responds to it with 401, the 401 goes to
    /// the caller, and nothing is renewed. This limits the requests that a resource with a permanent 401 can cause.
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
            solve_timeout: 300_000,
            acquire_key_settle: 400,
            storage_lag: 50,
            backoff_base: 500,
            backoff_cap: 60_000,
            retry_after_cap: 3_600_000,
            revocation_lifetime: 30 * 86_400_000,
            offline_probe: 30_000,
            refusal_cooldown: 10_000,
        }
    }
}

/// Which tabs share the storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sharing {
    /// All tabs of the browser profile: with the lock, acquire keys and messages, they have one session.
    Tabs,
    /// This tab alone, also after a reload of the page: no lock, no messages.
    OneTab,
    /// There is no storage: the record is kept in memory.
    InMemory,
}

/// What a session does when the server has ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum OnIdentityLost {
    /// Acquire a new guest, and report the event `identity`.
    Reacquire,
    /// Report the event `identity`, and refuse every call until the next `start`.
    Stop,
}
