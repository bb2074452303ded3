//! A cache of limited size for the counts of recent clients and logins.

use std::convert::Infallible;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, UnitWeighter};

/// The share of the capacity for keys that are used often. The rest holds new keys in the order of their arrival, so that a new
/// key is kept until that many newer keys have come. By default, quick_cache gives new keys only 3 %.
const SHARE_OF_FREQUENT_KEYS: f64 = 0.5;

/// The values of recent keys. When it is full, keys that have not been used again are dropped, the oldest first.
pub(super) struct Recent<K, V>(Cache<K, Arc<V>>);

impl<K: Eq + Hash + Clone, V: Default> Recent<K, V> {
    /// Holds at most `capacity` keys.
    pub(super) fn new(capacity: usize) -> Self {
        let options = OptionsBuilder::new()
            .estimated_items_capacity(capacity)
            .weight_capacity(capacity as u64)
            .hot_allocation(SHARE_OF_FREQUENT_KEYS)
            .build();
        Self(match options {
            Ok(options) => {
                Cache::with_options(options, UnitWeighter, DefaultHashBuilder::default(), DefaultLifecycle::default())
            }
            // Does not happen: the error is about a missing capacity.
            Err(_) => Cache::new(capacity),
        })
    }

    pub(super) fn get(&self, key: &K) -> Option<Arc<V>> {
        self.0.get(key)
    }

    /// The value of a key, with a default value for a new key.
    pub(super) fn get_or_default(&self, key: &K) -> Arc<V> {
        let value: Result<_, Infallible> = self.0.get_or_insert_with(key, || Ok(Arc::default()));
        match value {
            Ok(value) => value,
            Err(never) => match never {},
        }
    }

    /// Replaces the value of a key.
    pub(super) fn insert(&self, key: K, value: V) {
        self.0.insert(key, Arc::new(value));
    }

    /// Removes the keys for which `is_removed` is true.
    pub(super) fn remove_if(&self, is_removed: impl Fn(&K) -> bool) {
        self.0.retain(|key, _| !is_removed(key));
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

impl<K, V> fmt::Debug for Recent<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recent").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s10_a_new_key_outlives_many_newer_keys_and_the_cache_stays_within_its_capacity() {
        let recent = Recent::<u32, u32>::new(1000);
        for key in 0..5000 {
            recent.get_or_default(&key);
        }

        recent.insert(5000, 7);
        for key in 5001..5300 {
            recent.get_or_default(&key);
        }

        assert_eq!(recent.get(&5000).as_deref(), Some(&7));
        assert!(recent.len() <= 1000, "{}", recent.len());
    }
}
