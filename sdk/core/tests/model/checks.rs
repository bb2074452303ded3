//! What must hold: after each step, at each send and store, and when all has come to rest.

use guestpass_core::{Effect, Event, Handle, Input, Op, Outcome, Record, Request, Subject, Version};

use crate::handles::{id_of, text_of};
use crate::tab::{Call, Life, Sent, Tab, speaks_of};
use crate::world::World;

/// Every property, by the invariant that it holds.
pub(crate) const PROPERTIES: &[&str] =
    &["C2", "C3", "C4", "C6", "C7", "C8", "C9", "C10", "C16", "C17", "C18", "C19", "texts", "rows", "at rest"];

/// In milliseconds: more than the part of a lifetime in which a token is refreshed ahead of its end, and less than is left
/// of it where no clock was set.
const NEAR_THE_END: u64 = 300_000;

/// What a tab was before a step.
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

    /// The session manager forgets the texts that the machine does not hold, so it names no others.
    pub(crate) fn check_texts(&mut self, tab: usize, named: Option<String>) {
        if let Some(named) = named {
            self.say_wrong("texts", format!("tab {tab} names {named}, which it did not hold"));
        }
    }

    pub(crate) fn check_step(&mut self, tab: usize, before: &Before, effects: &[Effect], events: &[Event]) {
        let machine = &self.tabs[tab].machine;
        let version = machine.version();
        if machine.poll_timeout().is_some_and(|at| at <= self.tabs[tab].now.mono) {
            self.say_wrong("C17", format!("tab {tab} leaves a deadline armed"));
        }
        if version < before.version {
            self.say_wrong("C7", format!("tab {tab} goes back from {:?} to {version:?}", before.version));
        }
        if version.epoch > self.sign_outs {
            let (epoch, sign_outs) = (version.epoch, self.sign_outs);
            self.say_wrong("C8", format!("tab {tab} is at epoch {epoch} after {sign_outs} sign-outs"));
        }
        self.check_lock(tab, effects);
        self.check_refusal(tab, before, effects);
        if !before.closed {
            self.check_identity(tab, before, version, events);
        }
    }

    /// C6: what holds the lock has a deadline, and lets go of it before anybody is settled.
    fn check_lock(&mut self, tab: usize, effects: &[Effect]) {
        let released = effects.iter().position(|effect| matches!(effect, Effect::ReleaseLock { .. }));
        let settled = effects.iter().position(|effect| {
            matches!(effect, Effect::Settle { outcome: Outcome::Token(_) | Outcome::Member(_), .. })
        });
        if let (Some(released), Some(settled)) = (released, settled)
            && settled < released
        {
            self.say_wrong("C6", format!("tab {tab} settles a waiter before it releases the lock"));
        }
        let releases = |op: Op| effects.contains(&Effect::ReleaseLock { op });
        if let Some((holder, op)) = self.lock.holder
            && holder == tab
            && !releases(op)
            && self.tabs[tab].machine.poll_timeout().is_none()
        {
            self.say_wrong("C6", format!("tab {tab} holds the lock without a deadline"));
        }
    }

    /// C18: a refusal changes nothing, neither here nor in the storage nor at the server.
    fn check_refusal(&mut self, tab: usize, before: &Before, effects: &[Effect]) {
        let refused = |effect: &Effect| matches!(effect, Effect::Settle { outcome: Outcome::Refused { .. }, .. });
        let machine = &self.tabs[tab].machine;
        let changed = machine.version() != before.version || machine.snapshot().id != before.id;
        let acts = |effect: &Effect| match effect {
            Effect::Store { .. } | Effect::Publish(_) => true,
            Effect::Send { request, .. } => matches!(request, Request::Acquire { .. } | Request::Revoke { .. }),
            _ => false,
        };
        if effects.iter().any(refused) && (changed || effects.iter().any(acts)) {
            self.say_wrong("C18", format!("tab {tab} has changed the session after a refusal: {effects:?}"));
        }
    }

    /// C9: only the server or a sign-out ends an identity. C10: and never silently.
    fn check_identity(&mut self, tab: usize, before: &Before, version: Version, events: &[Event]) {
        let id = self.tabs[tab].machine.snapshot().id;
        if let Some(old) = before.id.filter(|_| before.id != id) {
            let raised = id.is_some_and(|id| self.server.are_same(old, id));
            let ended = raised || self.server.has_ended(old);
            // A storage that comes late cannot compare and store in one go: without the lock two guests of one epoch may
            // both be committed, and the newer one wins.
            let raced = !self.browser.sync_storage && self.tabs.iter().any(|tab| tab.bypassed);
            if !ended && !raced && !before.signed_out && version.epoch == before.version.epoch {
                self.say_wrong("C9", format!("tab {tab} has lost {}, which the server has not ended", id_of(old)));
            }
            self.tabs[tab].owed = Some(old);
        }
        if let Some(owed) = self.tabs[tab].owed {
            if events.iter().any(|event| speaks_of(event, owed)) || id == Some(owed) {
                self.tabs[tab].owed = None;
            } else if id.is_some() {
                self.say_wrong("C10", format!("tab {tab} has another identity and says nothing of {}", id_of(owed)));
            }
        }
    }

    /// C10: who is told to be a member, is one.
    pub(crate) fn check_member(&mut self, tab: usize, id: Handle) {
        let shown = self.tabs[tab].machine.snapshot().id;
        if shown.map(id_of) != Some(text_of(id)) && !self.may_have_orphans() {
            self.say_wrong("C10", format!("tab {tab} tells the member {} while it is {shown:?}", text_of(id)));
        }
    }

    /// C2: under the lock, nobody else asks for a credential; and nothing is asked for a second time while an
    /// answer is on its way.
    pub(crate) fn check_send(&mut self, tab: usize, request: &Request) {
        if matches!(request, Request::Acquire { .. }) {
            self.check_acquisition(tab);
        }
        if !matches!(request, Request::Acquire { .. } | Request::Refresh { .. }) {
            return; // needs no lock
        }
        if let Request::Refresh { refresh_token } = request
            && self.server.rotates(*refresh_token)
            && !self.is_refresh_due(tab)
        {
            self.say_wrong("C2", format!("tab {tab} refreshes what is neither expired nor refused"));
        }
        let holds = self.lock.holder.is_some_and(|(holder, _)| holder == tab);
        if !holds && !self.tabs[tab].bypassed && !self.tabs[tab].broken {
            self.say_wrong("C2", format!("tab {tab} sends without the lock"));
        }
        let pending = |sent: &Sent| !sent.cancelled && sent.request == *request;
        if self.tabs[tab].sends.values().any(pending) {
            self.say_wrong("C2", format!("tab {tab} sends the same once more while it is under way"));
        }
    }

    fn is_refresh_due(&self, tab: usize) -> bool {
        let Tab { machine, now, stale, calls, .. } = &self.tabs[tab];
        let ends = machine.snapshot().expires_at.is_none_or(|end| end < now.wall + NEAR_THE_END);
        let slept = now.mono > NEAR_THE_END;
        // Of who has become a member, the credential says so only after a refresh.
        let upgrading = calls.values().any(|call| *call == Call::Upgrading);
        *stale == Some(machine.version()) || ends || slept || upgrading
    }

    /// C8: after a sign-out for good, nobody becomes a guest whom nobody has asked for.
    fn check_acquisition(&mut self, tab: usize) {
        let epoch = self.tabs[tab].machine.version().epoch;
        let upgrading = self.tabs[tab].calls.values().any(|call| *call == Call::Upgrading);
        if upgrading {
            self.tabs[tab].asked.insert(epoch);
        }
        let followed = self.server.sessions.iter().any(|session| session.epoch == epoch);
        let barred = self.left_for_good.contains(&epoch) && !self.left.contains(&epoch) && !followed;
        if barred && !self.tabs[tab].asked.contains(&epoch) {
            self.say_wrong("C8", format!("tab {tab} makes a guest after a sign-out for good"));
        }
    }

    /// C7 and C8: what is stored only ever gets newer, and no session outlives its epoch.
    pub(crate) fn check_store(&mut self, tab: usize, record: &Record) {
        if self.browser.sync_storage && record.version < self.storage.version {
            let (new, old) = (record.version, self.storage.version);
            self.say_wrong("C7", format!("tab {tab} stores {new:?} over {old:?}"));
        }
        let token = record.credential.map(|credential| credential.access_token);
        if let Some(token) = token
            && self.server.session(token).is_some_and(|session| session.epoch < record.version.epoch)
        {
            self.say_wrong("C8", format!("tab {tab} stores {} after its sign-out", text_of(token)));
        }
    }

    /// C19: of an epoch, one guest at the most is alive at the server.
    pub(crate) fn check_guests(&mut self) {
        if self.may_have_orphans() {
            return;
        }
        let epochs: Vec<_> = self.server.sessions.iter().filter(|it| !it.revoked).map(|it| it.epoch).collect();
        if epochs.iter().any(|epoch| epochs.iter().filter(|other| *other == epoch).count() > 1) {
            self.say_wrong("C19", "two guests of one epoch are alive".to_owned());
        }
    }

    /// A storage that comes late or not at all may cost an orphan at the server; so may, without the lock, a guest that
    /// the server ends while other tabs are still asking for it. No tab ever holds the orphan.
    fn may_have_orphans(&self) -> bool {
        let ended = self.server.sessions.iter().any(|session| session.revoked);
        !self.browser.sync_storage || (!self.browser.locks && ended) || self.parted
    }

    /// Whatever the visitor has written since the last sign-out is there once, whoever the visitor has become.
    fn lost_rows(&self) -> Option<String> {
        let epoch = self.storage.version.epoch;
        let ended = self.server.sessions.iter().any(|session| session.epoch == epoch && session.revoked);
        let token = self.storage.credential.map(|credential| credential.access_token)?;
        let user = self.server.session(token)?.user;
        let (written, there) = (self.written.get(&epoch), self.server.users[user].rows.get(&epoch));
        let wrong = written != there && !ended && !self.may_have_orphans();
        wrong.then(|| format!("{written:?} rows were written in epoch {epoch}, and user {user} has {there:?}"))
    }

    /// When faults stop, everything settles and all tabs agree.
    pub(crate) fn check_rest(&mut self) {
        let mut world = self.clone();
        world.wrong.clear();
        world.come_to_rest();
        let mut found: Vec<_> = world.wrong.clone().into_iter().collect();
        for (index, tab) in world.tabs.iter().enumerate().filter(|(_, tab)| tab.life == Life::Open) {
            if tab.calls.values().any(Call::is_waiting) {
                found.push(("at rest", format!("a call of tab {index} still waits")));
            }
            let (own, stored) = (tab.machine.version(), world.storage.version);
            if !tab.broken && own != stored {
                found.push(("at rest", format!("tab {index} is at {own:?}, the storage at {stored:?}")));
            }
            let id = tab.machine.snapshot().id;
            let subject = world.storage.credential.and_then(|credential| credential.subject);
            if world.browser.sync_storage && !world.parted && id.is_some() && subject.is_some() && id != subject {
                found.push(("at rest", format!("tab {index} is {id:?}, the storage holds {subject:?}")));
            }
        }
        found.extend(world.lost_rows().map(|what| ("rows", what)));
        for (property, what) in found {
            self.say_wrong(property, format!("{what}, after all has come to rest"));
        }
    }

    /// Lets everything that is under way happen, in one fair order, and every tab look again.
    pub(crate) fn come_to_rest(&mut self) {
        for tab in 0..self.tabs.len() {
            if self.tabs[tab].life == Life::Open {
                self.feed(tab, Input::Visible);
            }
        }
        for _ in 0..400 {
            if !self.go_on() && !self.wait() {
                return;
            }
        }
        self.say_wrong("at rest", "it never comes to rest".to_owned());
    }

    /// Something that takes no time.
    fn go_on(&mut self) -> bool {
        for tab in (0..self.tabs.len()).filter(|tab| self.tabs[*tab].life == Life::Open).collect::<Vec<_>>() {
            if !self.tabs[tab].io.is_empty() {
                self.do_io(tab, false);
                return true;
            }
            if !self.tabs[tab].inbox.is_empty() {
                self.hear(tab, 0);
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
        false
    }

    /// Nothing but time helps: the earliest timer of a tab with something to do. Refreshing ahead is not waited for.
    fn wait(&mut self) -> bool {
        let waits = |tab: &Tab| {
            let busy = tab.calls.values().any(Call::is_waiting) || tab.machine.snapshot().error.is_some();
            (tab.life == Life::Open && busy).then(|| tab.machine.poll_timeout()).flatten()
        };
        let next = self.tabs.iter().enumerate().filter_map(|(index, tab)| waits(tab).map(|at| (at, index))).min();
        let Some((_, tab)) = next else { return false };
        self.fire_timer(tab);
        true
    }
}
