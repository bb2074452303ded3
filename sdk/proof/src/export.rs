//! The export to JavaScript. The package `guestpass` counts, pauses and aborts.

use lol_alloc::{FreeListAllocator, LockedAllocator};
use wasm_bindgen::prelude::*;

use crate::Challenge;

/// The default allocator would be larger than the rest.
#[global_allocator]
static ALLOCATOR: LockedAllocator<FreeListAllocator> = LockedAllocator::new(FreeListAllocator::new());

/// See [`Challenge::attempt`].
#[wasm_bindgen]
pub fn attempt(
    nonce: &[u8],
    salt: &[u8],
    cost: u32,
    key_length: usize,
    key_prefix: &[u8],
    counter: u32,
) -> Option<Vec<u8>> {
    Challenge { nonce, salt, cost, key_length, key_prefix }.attempt(counter)
}
