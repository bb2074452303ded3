//! Reading the storage outside of a transaction: at the start, and when another tab may have written.

use super::context::Context;
use crate::{Effect, Op, Timestamp, Version};

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Reload {
    load: Option<Load>,
    unseen: Option<UnseenCommit>,
}

/// A load that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Load {
    op: Op,
    deadline: u64,
    /// The deadline is the second one.
    extended: bool,
    /// The storage may have changed since the load began: load once more.
    again: bool,
}

/// A commit that another tab has announced and that this tab cannot read yet: messages arrive before what they announce
/// (27 ms seen in Chromium).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct UnseenCommit {
    version: Version,
    tries: u8,
    /// When to load again: monotonic time; `u64::MAX` while a load is under way.
    check_at: u64,
}

/// The most loads for one announced commit. If it does not arrive, the next transaction reads the storage anyway.
const MAX_TRIES: u8 = 4;

impl Reload {
    pub(super) fn is_loading(&self) -> bool {
        self.load.is_some()
    }

    pub(super) fn owns(&self, op: Op) -> bool {
        self.load.as_ref().is_some_and(|load| load.op == op)
    }

    /// When to call [`Self::is_overdue`] and [`Self::is_check_due`]: monotonic time.
    pub(super) fn deadline(&self) -> Option<u64> {
        let load = self.load.as_ref().map_or(u64::MAX, |load| load.deadline);
        let check = self.unseen.as_ref().map_or(u64::MAX, |unseen| unseen.check_at);
        Some(load.min(check)).filter(|at| *at < u64::MAX)
    }

    /// Loads, or loads once more if a load is under way.
    pub(super) fn start(&mut self, now: Timestamp, context: &mut Context) {
        if let Some(load) = &mut self.load {
            load.again = true;
        } else {
            let op = context.next_op();
            self.load = Some(Load { op, deadline: context.storage_deadline(now), extended: false, again: false });
            context.effect(Effect::Load { op });
        }
    }

    /// Ends the load that is under way; returns whether to load once more.
    pub(super) fn finish(&mut self) -> bool {
        self.load.take().is_some_and(|load| load.again)
    }

    /// Whether the load has timed out twice.
    pub(super) fn is_overdue(&mut self, now: Timestamp, context: &mut Context) -> bool {
        match &mut self.load {
            Some(load) if load.deadline <= now.mono && !load.extended => {
                load.extended = true;
                load.deadline = context.storage_deadline(now);
                false
            }
            Some(load) if load.deadline <= now.mono => {
                context.effect(Effect::Cancel { op: load.op });
                true
            }
            _ => false,
        }
    }

    /// Another tab has announced this commit.
    pub(super) fn expect(&mut self, version: Version) {
        self.unseen = Some(UnseenCommit { version, tries: 0, check_at: u64::MAX });
    }

    pub(super) fn has_unseen_commit(&self) -> bool {
        self.unseen.is_some()
    }

    /// After a load: plans the next one if the announced commit is newer than `version`, which is the newest known.
    pub(super) fn plan_check(&mut self, now: Timestamp, version: Version, context: &Context) {
        match &mut self.unseen {
            Some(unseen) if unseen.version > version && unseen.tries < MAX_TRIES => {
                unseen.check_at = now.mono.saturating_add(context.config.storage_lag << unseen.tries);
                unseen.tries += 1;
            }
            _ => self.unseen = None,
        }
    }

    /// Whether it is time to look for the announced commit again.
    pub(super) fn is_check_due(&mut self, now: Timestamp) -> bool {
        match &mut self.unseen {
            Some(unseen) if unseen.check_at <= now.mono => {
                unseen.check_at = u64::MAX;
                true
            }
            _ => false,
        }
    }
}
