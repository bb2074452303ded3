//! The Guestpass session manager, compiled: the class that `wasm-pack build` publishes, and that the npm package `guestpass`
//! puts its face on. It only translates; the work is done by `guestpass-session`.

mod options;
mod session_manager;

#[cfg(target_arch = "wasm32")]
use lol_alloc::{FreeListAllocator, LockedAllocator};

pub use options::{ManagerOptions, OnChange};
pub use session_manager::SessionManager;

/// A list of free blocks: a session has a few dozen, and the default allocator would weigh two kilobytes more.
#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: LockedAllocator<FreeListAllocator> = LockedAllocator::new(FreeListAllocator::new());
