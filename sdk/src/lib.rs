//! The Guestpass session manager for browsers: `guestpass-core`, compiled, with the loop around it.
//!
//! This crate makes no decisions. [`WasmSession`] is what JavaScript gives inputs to; the driver runs the loop that the
//! core's first page explains, and hands each effect to the JavaScript that performs it (`npm/src/shell`), because a
//! call of the browser weighs ten times as much here as there. Nothing is borrowed while JavaScript runs.

mod border;
mod driver;
mod effects;
mod session;

/// A tenth of the size of std's; there are some dozens of small texts at a time, and one thread.
#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: lol_alloc::LockedAllocator<lol_alloc::FreeListAllocator> =
    lol_alloc::LockedAllocator::new(lol_alloc::FreeListAllocator::new());

pub use effects::Effects;
pub use session::WasmSession;
