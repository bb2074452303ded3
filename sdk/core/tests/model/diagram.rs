//! Compares the transitions between statuses that the model checker has taken with the diagram in docs/session-states.md.

use std::collections::BTreeSet;
use std::sync::Mutex;

use guestpass_core::Status;

static TAKEN: Mutex<BTreeSet<(String, String)>> = Mutex::new(BTreeSet::new());

/// Records a transition. A transition to `closed` is possible from every status, and is not in the diagram.
pub(crate) fn record(from: Status, to: Status) {
    if from != to
        && to != Status::Closed
        && let Ok(mut taken) = TAKEN.lock()
    {
        taken.insert((from.name().to_owned(), to.name().to_owned()));
    }
}

/// The transitions that are missing in the diagram, and the arrows of the diagram that were never taken.
pub(crate) fn differences() -> Vec<String> {
    let drawn: BTreeSet<_> = DOCUMENT.lines().filter_map(arrow).collect();
    let taken = TAKEN.lock().map(|taken| taken.clone()).unwrap_or_default();
    let missing = taken.difference(&drawn).map(|(from, to)| format!("taken, but not in the diagram: {from} --> {to}"));
    let unused = drawn.difference(&taken).map(|(from, to)| format!("in the diagram, but never taken: {from} --> {to}"));
    missing.chain(unused).collect()
}

const DOCUMENT: &str = include_str!("../../../../docs/session-states.md");

/// `    idle --> loading: first use`
fn arrow(line: &str) -> Option<(String, String)> {
    let (from, to) = line.trim().split_once(" --> ")?;
    let to = to.split(':').next()?;
    (from != "[*]").then(|| (from.to_owned(), to.to_owned()))
}
