//! The properties: checked after each step, at each send and store, and when nothing is under way any more.

use guestpass_core::{Effect, Event, Handle, Input, Op, Outcome, Record, Request, Subject, Version};

use crate::handles::{id_of, text_of};
use crate::server::Session;
use crate::tab::{Call, EARLY_LOGIN, Life, Sent, Tab, reports_end_of};
use crate::world::World;

/// Every property: by the number of its invariant; `handles` ([`World::check_handles`]), `rows` ([`World::lost_rows`]) and
/// `at rest` ([`World::check_rest`]) have none.
pub(crate) const PROPERTIES: &[&str] = &[
    "C2", "C3", "C4", "C6", "C7", "C8", "C9", "C10", "C16", "C17", "C18", "C19", "C21", "C22", "C28", "handles",
    "rows", "at rest",
];

/// In milliseconds. Longer than the last part of a lifetime, in which a token is refreshed; shorter than the remaining time of a
/// token in a scenario where no clock was set.
const NEAR_THE_END: u64 = 300_000;

/// The state of a tab before a step.
pub(crate) struct Before {
    version: Version,
    id: Option<Subject>,
    signed_out: bool,
    closed: bool,
}

impl World {
    pub(crate) fn before(&self, tab: usize, input: &Input) -> Before {
        let machine = &self.tabs[tab].machine;
        Before {
            version: machine.version(),
            id: machine.snapshot().id,
            signed_out: matches!(input, Input::SignOut { .. }),
            closed: matches!(input, Input::Close),
        }
    }

    /// The session manager drops the texts whose handles the machine does not reference, so effects and events name no others.
    pub(crate) fn check_handles(&mut self, tab: usize, named: Option<String>) {
        if let Some(named) = named {
            self.report("handles", format!("tab {tab} names {named}, which it did not reference"));
        }
    }

    pub(crate) fn check_step(&mut self, tab: usize, before: &Before, effects: &[Effect], events: &[Event]) {
        let machine = &self.tabs[tab].machine;
        let version = machine.version();
        if machine.poll_timeout().is_some_and(|at| at <= self.tabs[tab].now.mono) {
            self.report("C17", format!("tab {tab} leaves a deadline armed"));
        }
        // A guest that no storage had gives way to the stored one.
        let unstored = before.id.is_none_or(|id| !self.server.sessions_of(id).any(|session| session.stored));
        let apart = self.storage_failed && unstored && version.epoch == before.version.epoch;
        if version < before.version && !apart {
            self.report("C7", format!("tab {tab} goes back from {:?} to {version:?}", before.version));
        }
        if version.epoch > self.sign_outs {
            let (epoch, sign_outs) = (version.epoch, self.sign_outs);
            self.report("C8", format!("tab {tab} is at epoch {epoch} after {sign_outs} sign-outs"));
        }
        self.check_lock(tab, effects);
        self.check_refusal(tab, before, effects);
        if !before.closed {
            self.check_identity(tab, before, version, events);
        }
    }

    /// C6: a tab that has the lock has a deadline, and releases the lock before it settles calls.
    fn check_lock(&mut self, tab: usize, effects: &[Effect]) {
        let released = effects.iter().position(|effect| matches!(effect, Effect::ReleaseLock { .. }));
        let settled = effects.iter().position(|effect| {
            matches!(effect, Effect::Settle { outcome: Outcome::Token(_) | Outcome::Response(_), .. })
        });
        if let (Some(released), Some(settled)) = (released, settled)
            && settled < released
        {
            self.report("C6", format!("tab {tab} settles a call before it releases the lock"));
        }
        let releases = |op: Op| effects.contains(&Effect::ReleaseLock { op });
        if let Some((holder, op)) = self.lock.holder
            && holder == tab
            && op != EARLY_LOGIN
            && !releases(op)
            && self.tabs[tab].machine.poll_timeout().is_none()
        {
            self.report("C6", format!("tab {tab} has the lock without a deadline"));
        }
    }

    /// C18: a refused account request changes neither the tab nor the storage nor the server.
    fn check_refusal(&mut self, tab: usize, before: &Before, effects: &[Effect]) {
        // Without a refresh token, the machine itself refuses the request, after a read.
        let refused = |effect: &Effect| {
            matches!(effect, Effect::Settle { outcome: Outcome::Refused { reason, .. }, .. }
                if *reason != Handle::REFRESH_TOKEN_REQUIRED)
        };
        let machine = &self.tabs[tab].machine;
        let changed = machine.version() != before.version || machine.snapshot().id != before.id;
        let acts = |effect: &Effect| match effect {
            Effect::Store { .. } | Effect::Publish(_) => true,
            Effect::Send { request, .. } => matches!(request, Request::Acquire { .. } | Request::Revoke { .. }),
            _ => false,
        };
        if effects.iter().any(refused) && (changed || effects.iter().any(acts)) {
            self.report("C18", format!("tab {tab} has changed the session after a refusal: {effects:?}"));
        }
    }

    /// C9: only the server or a sign-out ends an identity. C10: an event reports that.
    fn check_identity(&mut self, tab: usize, before: &Before, version: Version, events: &[Event]) {
        let id = self.tabs[tab].machine.snapshot().id;
        if let Some(old) = before.id.filter(|_| before.id != id) {
            let same = id.is_some_and(|id| self.server.are_same(old, id));
            let ended = same
                || self.browser.classic
                || self.server.sessions_of(old).any(Session::has_ended)
                || !self.server.sessions_of(old).any(|session| session.stored)
                || self.may_lose_upgrade();
            // A storage with delays cannot compare and store in one step: without the lock, two tabs may both commit a guest in
            // one epoch, and the newer one wins.
            let raced =
                (!self.browser.sync_storage || self.storage_failed) && self.tabs.iter().any(|tab| tab.without_lock);
            // After other code has emptied the storage, a new page may store a guest of the same version first.
            let raced = raced || (self.emptied && version <= before.version);
            if !ended && !raced && !before.signed_out && version.epoch == before.version.epoch {
                self.report("C9", format!("tab {tab} has lost {}, which the server has not ended", id_of(old)));
            }
            self.tabs[tab].unreported = Some(old);
        }
        if let Some(unreported) = self.tabs[tab].unreported {
            if events.iter().any(|event| reports_end_of(event, unreported)) || id == Some(unreported) {
                self.tabs[tab].unreported = None;
            } else if id.is_some() {
                self.report(
                    "C10",
                    format!("tab {tab} has another identity and has not reported the end of {}", id_of(unreported)),
                );
            }
        }
    }

    /// C10: when a call is settled with a member, the credential shows that member.
    pub(crate) fn check_member(&mut self, tab: usize, id: Handle) {
        let shown = self.tabs[tab].machine.snapshot().id;
        if shown.map(id_of) != Some(text_of(id)) && !self.may_have_orphans() {
            self.report(
                "C10",
                format!("tab {tab} settles a call with the member {} while it is {shown:?}", text_of(id)),
            );
        }
    }

    /// C2: a token request or account request is sent under the lock, only if it is needed, and not while the same request is
    /// under way. C28: its refresh token does not look stolen.
    pub(crate) fn check_send(&mut self, tab: usize, request: &Request) {
        if let Request::Refresh { refresh_token } | Request::Account { refresh_token, .. } = *request
            && self.server.is_reuse(refresh_token)
            && !self.has_raced()
        {
            self.report("C28", format!("tab {tab} sends {}, which is too old", text_of(refresh_token)));
        }
        if matches!(request, Request::Acquire { .. }) {
            self.check_acquisition(tab);
        }
        if matches!(request, Request::Revoke { .. }) {
            return;
        }
        if let Request::Refresh { refresh_token } = request
            && self.server.rotates(*refresh_token)
            && !self.is_refresh_due(tab)
        {
            self.report("C2", format!("tab {tab} refreshes a credential that is neither expired nor refused"));
        }
        let has_lock = self.lock.holder.is_some_and(|(holder, _)| holder == tab);
        if !has_lock && !self.tabs[tab].without_lock {
            self.report("C2", format!("tab {tab} sends without the lock"));
        }
        let pending = |sent: &Sent| !sent.cancelled && sent.request == *request;
        if self.tabs[tab].sends.values().any(pending) {
            self.report("C2", format!("tab {tab} sends a request that is already under way"));
        }
    }

    fn is_refresh_due(&self, tab: usize) -> bool {
        let Tab { machine, now, stale, .. } = &self.tabs[tab];
        let ends = machine.snapshot().expires_at.is_none_or(|end| end < now.wall + NEAR_THE_END);
        let slept = now.mono > NEAR_THE_END;
        *stale == Some(machine.version()) || ends || slept
    }

    /// C8: after a permanent sign-out, no guest is acquired before a call allows it.
    fn check_acquisition(&mut self, tab: usize) {
        let epoch = self.tabs[tab].machine.version().epoch;
        let upgrading = self.tabs[tab].calls.values().any(Call::is_upgrade);
        if upgrading {
            self.tabs[tab].allowed.insert(epoch);
        }
        let has_guest = self.server.sessions.iter().any(|session| session.epoch == epoch);
        // A tab that cannot read the storage does not know of the sign-outs before.
        let barred = !self.storage_failed
            && self.after_permanent_sign_out.contains(&epoch)
            && !self.after_sign_out.contains(&epoch)
            && !has_guest;
        if barred && !self.tabs[tab].allowed.contains(&epoch) {
            self.report("C8", format!("tab {tab} acquires a guest after a permanent sign-out"));
        }
    }

    /// C7: a stored record is never replaced by an older one. C8: no session is stored after the end of its epoch.
    pub(crate) fn check_store(&mut self, tab: usize, record: &Record) {
        if self.browser.sync_storage && record.version < self.storage.version {
            let (new, old) = (record.version, self.storage.version);
            self.report("C7", format!("tab {tab} stores {new:?} over {old:?}"));
        }
        let token = record.credential.map(|credential| credential.access_token);
        if let Some(token) = token
            && self.server.session(token).is_some_and(|session| session.epoch < record.version.epoch)
        {
            self.report("C8", format!("tab {tab} stores {} after its sign-out", text_of(token)));
        }
    }

    /// C19: the server has at most one guest of each epoch whose session is not revoked.
    pub(crate) fn check_guests(&mut self) {
        if self.may_have_orphans() {
            return;
        }
        let known = self.server.sessions.iter().filter(|it| !it.revoked && !it.unseen);
        let epochs: Vec<_> = known.map(|it| it.epoch).collect();
        if epochs.iter().any(|epoch| epochs.iter().filter(|other| *other == epoch).count() > 1) {
            self.report("C19", "two guests of one epoch have a session".to_owned());
        }
    }

    /// Whether the server may have a guest that no tab uses: after a delay or failure of the storage; or, without the lock, if
    /// the server ends the session of a guest while other tabs acquire it.
    fn may_have_orphans(&self) -> bool {
        let ended = self.server.sessions.iter().any(Session::has_ended);
        let lockless = !self.browser.locks && ended;
        let unreliable = !self.browser.sync_storage || self.storage_failed || self.emptied;
        unreliable || lockless || self.browser.classic || self.may_lose_upgrade()
    }

    /// Whether other tabs may take an upgrade for the end of the session: the tab that has asked for it is gone, has another
    /// record, or has lost the lock, so that a tab that has the lock takes it for gone.
    fn may_lose_upgrade(&self) -> bool {
        let upgraded = self.server.sessions.iter().any(|session| session.upgraded);
        upgraded && (self.lost_upgrade || self.lock_lost || self.has_two_records())
    }

    /// Whether a tab may have a record that no other tab can read: its storage has failed, or two tabs without a lock have
    /// written at the same time to a storage that cannot compare and store in one step.
    fn has_two_records(&self) -> bool {
        self.storage_failed || self.has_raced()
    }

    /// Whether two tabs without a lock may have written at the same time to a storage that cannot compare and store in one step.
    fn has_raced(&self) -> bool {
        !self.browser.sync_storage && self.tabs.iter().any(|tab| tab.without_lock)
    }

    /// The rows that the visitor has written since the last sign-out exist exactly once, also after upgrades.
    fn lost_rows(&self) -> Option<String> {
        let epoch = self.storage.version.epoch;
        let ended = self.server.sessions.iter().any(|session| session.epoch == epoch && session.has_ended());
        let token = self.storage.credential.map(|credential| credential.access_token)?;
        let user = self.server.session(token)?.user;
        let (written, stored) = (self.written.get(&epoch), self.server.users[user].rows.get(&epoch));
        let lost = written != stored && !ended && !self.may_lose_upgrade() && !self.may_have_orphans();
        lost.then(|| format!("{written:?} rows were written in epoch {epoch}, and user {user} has {stored:?}"))
    }

    /// When faults stop, every call is settled, and all tabs have the stored version.
    pub(crate) fn check_rest(&mut self) {
        let mut world = self.clone();
        world.violations.clear();
        world.run_to_rest();
        let mut found: Vec<_> = world.violations.clone().into_iter().collect();
        for (index, tab) in world.tabs.iter().enumerate().filter(|(_, tab)| tab.life == Life::Open) {
            if tab.calls.values().any(Call::is_waiting) {
                found.push(("at rest", format!("a call of tab {index} still waits")));
            }
            let (own, stored) = (tab.machine.version(), world.storage.version);
            if !tab.storage_fails && own != stored {
                let property = if world.emptied { "C21" } else { "at rest" };
                found.push((property, format!("tab {index} is at {own:?}, the storage at {stored:?}")));
            }
            let id = tab.machine.snapshot().id;
            let subject = world.storage.credential.and_then(|credential| credential.subject);
            if world.browser.sync_storage && !world.storage_failed && id.is_some() && subject.is_some() && id != subject
            {
                found.push(("at rest", format!("tab {index} is {id:?}, the storage has {subject:?}")));
            }
        }
        if let Some(session) = world.unrevoked() {
            found.push(("C22", format!("session {session} was signed out and is not revoked")));
        }
        if world.server.sessions.iter().any(|session| session.unseen && !session.revoked)
            && !world.lost_upgrade
            && !world.storage_failed
        {
            found.push(("at rest", "no tab has stored the session of an upgrade".to_owned()));
        }
        found.extend(world.lost_rows().map(|what| ("rows", what)));
        for (property, what) in found {
            self.report(property, format!("{what}, when nothing is under way any more"));
        }
    }

    /// C22: a session that was stored, is of an older epoch than that of the storage, and is still accepted by the server.
    fn unrevoked(&self) -> Option<usize> {
        let closed = self.tabs.iter().all(|tab| tab.life == Life::Closed || tab.storage_fails);
        if closed || self.emptied || self.has_raced() || self.browser.classic {
            return None;
        }
        let epoch = self.storage.version.epoch;
        self.server.sessions.iter().position(|session| session.epoch < epoch && session.stored && !session.revoked)
    }

    /// Completes everything that is under way, in a fixed order, after each page has been loaded or made visible: twice, because
    /// what is read the first time may have to be done the second time.
    pub(crate) fn run_to_rest(&mut self) {
        for _ in 0..2 {
            for tab in 0..self.tabs.len() {
                if self.tabs[tab].life != Life::Closed {
                    self.tabs[tab].life = Life::Open;
                    self.feed(tab, Input::Visible);
                }
            }
            for step in 0..=400 {
                if !self.complete_next() && !self.fire_next_timer() {
                    break;
                }
                if step == 400 {
                    self.report("at rest", "after 400 steps, something is still under way".to_owned());
                }
            }
        }
    }

    /// Completes one thing that takes no time; returns whether there was one.
    fn complete_next(&mut self) -> bool {
        for tab in (0..self.tabs.len()).filter(|tab| self.tabs[*tab].life == Life::Open).collect::<Vec<_>>() {
            if !self.tabs[tab].io.is_empty() {
                self.do_io(tab, false);
                return true;
            }
            if !self.tabs[tab].inbox.is_empty() {
                self.deliver_message(tab, 0);
                return true;
            }
            if let Some(op) = self.tabs[tab].solves.keys().next().copied() {
                self.solve(tab, op, true);
                return true;
            }
            let sends: Vec<_> = self.tabs[tab].sends.iter().map(|(op, sent)| (*op, sent.clone())).collect();
            if let Some((op, sent)) = sends.first() {
                if sent.response.is_none() {
                    self.serve(tab, *op);
                }
                self.deliver(tab, *op, false);
                return true;
            }
            let granted = self.tabs[tab].calls.iter().find(|(_, call)| matches!(call, Call::Granted { .. }));
            if let Some((call, _)) = granted {
                let call = *call;
                self.request(tab, call, false);
                return true;
            }
        }
        if self.lock.holder.is_none() && !self.lock.queue.is_empty() {
            self.grant_lock();
            return true;
        }
        if self.has_early_lock() {
            self.end_early_lock();
            return true;
        }
        false
    }

    /// Fires the earliest timer of the tabs that wait for a call or a retry; returns whether there was one. Refreshes before an
    /// expiry are not awaited.
    fn fire_next_timer(&mut self) -> bool {
        let waits = |tab: &Tab| {
            let retries = tab.machine.snapshot().error.is_some() && !tab.storage_fails;
            let busy = tab.calls.values().any(Call::is_waiting) || retries;
            (tab.life == Life::Open && busy).then(|| tab.machine.poll_timeout()).flatten()
        };
        let next = self.tabs.iter().enumerate().filter_map(|(index, tab)| waits(tab).map(|at| (at, index))).min();
        let Some((_, tab)) = next else { return false };
        self.fire_timer(tab);
        true
    }
}
