//! What every request touches, in parts, so that requests on several processors seldom meet at the same one.

use uuid::Uuid;

/// More than there are processors in most machines.
const COUNT: usize = 64;

/// One `T` for every 64th of all ids.
#[derive(Debug)]
pub(crate) struct Shards<T>([Aligned<T>; COUNT]);

/// On a cache line of its own (two are fetched together): else neighbours would wait for each other all the same.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Aligned<T>(T);

impl<T> Shards<T> {
    /// The part that an id belongs to.
    pub(crate) fn of(&self, id: Uuid) -> &T {
        // The end of an id is random in each of the versions that are made here.
        &self.0[usize::from(id.as_bytes()[15]) % COUNT].0
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|Aligned(part)| part)
    }
}

impl<T: Default> Default for Shards<T> {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Aligned::default()))
    }
}
