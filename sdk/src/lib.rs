//! The Guestpass session manager for browsers: `guestpass-core`, compiled, with the loop around it.
//!
//! This crate makes no decisions. [`WasmSession`] is what JavaScript gives inputs to; the driver runs the loop that the
//! core's first page explains, and hands each effect to the JavaScript that performs it (`npm/src/shell`), because a
//! call of the browser weighs ten times as much here as there. Nothing is borrowed while JavaScript runs.

mod border;
mod driver;
mod effects;
mod session;

/// Frees nothing: a session lives as long as its page, and has five lists, which keep what they have grown to. Nothing else
/// is ever allocated. An allocator that frees weighs as much as the renewal of tokens.
#[cfg(all(target_arch = "wasm32", not(test)))]
#[global_allocator]
static ALLOCATOR: lol_alloc::LockedAllocator<lol_alloc::LeakingAllocator> =
    lol_alloc::LockedAllocator::new(lol_alloc::LeakingAllocator::new());

pub use effects::Effects;
pub use session::WasmSession;
