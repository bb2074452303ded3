//! The limit of open files: each connection needs a file descriptor.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// File descriptors for everything else that the server opens: the store (up to 64 for the pool of PostgreSQL), the connections
/// of --metrics-listen, requests to issuers and to a collector of spans, and connections that are being closed.
const OTHERS: usize = 128;

/// The least limit of open files with which the server and its store can work.
const LEAST: u64 = 64;

/// An error if the limit of open files is too low for the store. Call it after [`raise_limit`].
pub(crate) fn check() -> Result<(), String> {
    match getrlimit(Resource::Nofile).current {
        Some(limit) if limit < LEAST => Err(format!(
            "the limit of open files is {limit}, and the server needs {LEAST} or more: raise `ulimit -Hn` (systemd: LimitNOFILE)"
        )),
        _ => Ok(()),
    }
}

/// Raises the limit of open files of this process (`ulimit -n`) to its hard limit, as the runtime of Go does. Many systems set a
/// low soft limit for old programs that use `select`.
pub(crate) fn raise_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        // An error leaves the limit as it was, which `connections` takes into account.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    }
}

/// The number of connections that can be open: `wanted`, or what the limit of open files allows. If that is less, a line in the
/// log says what to do.
pub(crate) fn connections(wanted: usize) -> usize {
    let Some(limit) = getrlimit(Resource::Nofile).current else { return wanted };
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let possible = limit.saturating_sub(OTHERS).max(limit / 4).max(1);
    if possible >= wanted {
        return wanted;
    }
    let raise_to = wanted.saturating_add(OTHERS);
    tracing::warn!(
        limit,
        "the limit of open files allows {possible} connections instead of the {wanted} of --max-connections: set `ulimit -Hn` \
         (systemd: LimitNOFILE) to {raise_to}, or --max-connections to {possible}"
    );
    possible
}
