//! Shared data of all requests in shards, so that requests on several processors seldom contend for the same lock.

use uuid::Uuid;

/// The number of shards: more than most machines have processors.
const COUNT: usize = 64;

/// One `T` for each 64th of all ids.
#[derive(Debug)]
pub(crate) struct Shards<T>([Aligned<T>; COUNT]);

/// On separate cache lines (which are fetched in pairs), because neighbouring shards would contend otherwise.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Aligned<T>(T);

impl<T> Shards<T> {
    /// The shard of an id.
    pub(crate) fn of(&self, id: Uuid) -> &T {
        // The last byte is random in all versions of UUIDs that this server makes.
        &self.0[usize::from(id.as_bytes()[15]) % COUNT].0
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|Aligned(shard)| shard)
    }
}

impl<T: Default> Default for Shards<T> {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Aligned::default()))
    }
}
