//! Which status follows which: what was seen while the model was explored, against the diagram in docs/session-states.md.

use std::collections::BTreeSet;
use std::sync::Mutex;

use guestpass_core::Status;

static SEEN: Mutex<BTreeSet<(String, String)>> = Mutex::new(BTreeSet::new());

/// A step has led from one status to another. `closed`, which follows on all, is not drawn.
pub(crate) fn saw(from: Status, to: Status) {
    if from != to
        && to != Status::Closed
        && let Ok(mut seen) = SEEN.lock()
    {
        seen.insert((from.name().to_owned(), to.name().to_owned()));
    }
}

/// The arrows that were seen and are not drawn, and those that are drawn and were not seen.
pub(crate) fn differences() -> Vec<String> {
    let drawn: BTreeSet<_> = DOCUMENT.lines().filter_map(arrow).collect();
    let seen = SEEN.lock().map(|seen| seen.clone()).unwrap_or_default();
    let undrawn = seen.difference(&drawn).map(|(from, to)| format!("seen and not drawn: {from} --> {to}"));
    let unseen = drawn.difference(&seen).map(|(from, to)| format!("drawn and not seen: {from} --> {to}"));
    undrawn.chain(unseen).collect()
}

const DOCUMENT: &str = include_str!("../../../../docs/session-states.md");

/// `    idle --> loading: first use`
fn arrow(line: &str) -> Option<(String, String)> {
    let (from, to) = line.trim().split_once(" --> ")?;
    let to = to.split(':').next()?;
    (from != "[*]").then(|| (from.to_owned(), to.to_owned()))
}
