//! The Guestpass session manager for JavaScript: the class that `wasm-pack build` publishes, and that the npm package
//! `guestpass` wraps. It only converts types; `guestpass-session` does the work.

mod options;
mod session_manager;

#[cfg(target_arch = "wasm32")]
use lol_alloc::{FreeListAllocator, LockedAllocator};

pub use options::{ManagerOptions, OnChange};
pub use session_manager::SessionManager;

/// A list of free blocks. A session has a few dozen blocks, and the default allocator would add two kilobytes.
#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: LockedAllocator<FreeListAllocator> = LockedAllocator::new(FreeListAllocator::new());
