//! A scenario: the actions that are possible in a world, and how often each may be taken.

use guestpass_core::{Input, Op};
use stateright::{Model, Property};

use crate::checks::PROPERTIES;
use crate::server::Account;
use crate::tab::{Call, EARLY_LOGIN, Life};
use crate::world::{Browser, World};

/// How often each action may be taken, by all tabs together unless noted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Budget {
    /// Calls that want a token: of each tab.
    pub(crate) calls: u8,
    /// Pages whose inline script tries an early login.
    pub(crate) early_logins: u8,
    /// Tokens that expire.
    pub(crate) expiries: u8,
    pub(crate) sign_outs: u8,
    /// Permanent sign-outs.
    pub(crate) permanent_sign_outs: u8,
    /// Registrations of guests.
    pub(crate) registrations: u8,
    /// Logins of guests.
    pub(crate) logins: u8,
    /// Upgrades that the server refuses.
    pub(crate) denials: u8,
    pub(crate) erasures: u8,
    pub(crate) exports: u8,
    /// Closed lids: the grace windows of all sessions end.
    pub(crate) lids: u8,
    /// Backups that the operator restores.
    pub(crate) restores: u8,
    /// Calls of `start`.
    pub(crate) starts: u8,
    /// Timers that fire while an effect is under way.
    pub(crate) timers: u8,
    /// Requests or responses that are lost, refused with 503, or repeated; challenges that are answered wrongly, or not at all.
    pub(crate) network: u8,
    /// Tabs whose storage fails from then on.
    pub(crate) storage: u8,
    /// Storages of tabs that work again.
    pub(crate) recoveries: u8,
    /// Times that other code empties the storage.
    pub(crate) clears: u8,
    /// Locks that are taken away.
    pub(crate) lost_locks: u8,
    /// Tabs that crash; they may be opened again.
    pub(crate) crashes: u8,
    pub(crate) closes: u8,
    /// Sessions that the server ends.
    pub(crate) revocations: u8,
    /// Messages that are lost.
    pub(crate) lost_messages: u8,
    /// Valid tokens that a resource refuses.
    pub(crate) refusals: u8,
    /// Wall clocks that are set forward or back by a day.
    pub(crate) clocks: u8,
    /// Reports of the browser that it is offline or online.
    pub(crate) offline: u8,
}

#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) tabs: usize,
    pub(crate) browser: Browser,
    pub(crate) budget: Budget,
    /// The storage has a guest at the start.
    pub(crate) warm: bool,
    /// The storage of the last tab fails from the start.
    pub(crate) one_without_storage: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) world: World,
    /// What is left of the budget: of all tabs, then of each.
    left: Vec<Budget>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    Want(usize),
    LogInEarly(usize),
    EndEarlyLock,
    Expire(usize),
    SignOut(usize),
    SignOutPermanently(usize),
    Register(usize),
    Login(usize),
    Deny(usize, Op),
    Erase(usize),
    Export(usize),
    CloseLid,
    Restore,
    Start(usize),
    Request(usize, u32),
    RefuseRequest(usize, u32),
    GrantLock,
    LoseLock,
    Io(usize),
    BreakStorage(usize),
    MendStorage(usize),
    ClearStorage,
    Serve(usize, Op),
    Deliver(usize, Op),
    DeliverTwice(usize, Op),
    Lose(usize, Op),
    Overload(usize, Op),
    Solve(usize, Op),
    SolveWrongly(usize, Op),
    FailToSolve(usize, Op),
    DeliverMessage(usize, usize),
    LoseMessage(usize, usize),
    Timer(usize),
    Crash(usize),
    Reopen(usize),
    Close(usize),
    Revoke(usize),
    SetClock(usize, bool),
    Offline(usize),
    Online(usize),
}

impl Model for Scenario {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let each = Budget { calls: self.budget.calls, ..Budget::default() };
        let shared = Budget { calls: 0, ..self.budget };
        let left = std::iter::once(shared).chain((0..self.tabs).map(|_| each)).collect();
        let mut world = World::new(self.browser, self.tabs);
        if self.warm {
            world.want(0);
            world.run_to_rest();
        }
        if self.one_without_storage {
            world.break_storage(self.tabs - 1);
        }
        vec![State { world, left }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if !state.world.violations.is_empty() {
            return;
        }
        let left = &state.left[0];
        for (index, tab) in state.world.tabs.iter().enumerate() {
            match tab.life {
                Life::Closed => continue,
                Life::Crashed => {
                    actions.push(Action::Reopen(index));
                    continue;
                }
                Life::Open => {}
            }
            push(actions, state.left[index + 1].calls, Action::Want(index));
            let has_script = self.browser.locks && self.browser.sync_storage && tab.early_login == 0;
            push(actions, left.early_logins * u8::from(has_script), Action::LogInEarly(index));
            let has_id = tab.machine.snapshot().id.is_some();
            push(actions, left.expiries * u8::from(has_id), Action::Expire(index));
            push(actions, left.sign_outs, Action::SignOut(index));
            push(actions, left.permanent_sign_outs, Action::SignOutPermanently(index));
            push(actions, left.registrations, Action::Register(index));
            push(actions, left.logins, Action::Login(index));
            push(actions, left.erasures, Action::Erase(index));
            push(actions, left.exports, Action::Export(index));
            push(actions, left.starts, Action::Start(index));
            for (call, _) in tab.calls.iter().filter(|(_, call)| matches!(call, Call::Granted { .. })) {
                actions.push(Action::Request(index, *call));
                push(actions, left.refusals, Action::RefuseRequest(index, *call));
            }
            if !tab.io.is_empty() {
                actions.push(Action::Io(index));
            }
            push(actions, left.storage * u8::from(!tab.storage_fails), Action::BreakStorage(index));
            push(actions, left.recoveries * u8::from(tab.storage_fails), Action::MendStorage(index));
            for (op, sent) in &tab.sends {
                let (responded, op) = (sent.response.is_some(), *op);
                if op == EARLY_LOGIN {
                    // What else happens to the request is the same after the takeover: the page does not notice it before.
                    push(actions, u8::from(!responded), Action::Serve(index, op));
                    continue;
                }
                actions.push(if responded { Action::Deliver(index, op) } else { Action::Serve(index, op) });
                let deniable = !responded && matches!(sent.account, Some(Account::Register | Account::Login));
                push(actions, left.denials * u8::from(deniable), Action::Deny(index, op));
                push(actions, left.network * u8::from(responded), Action::DeliverTwice(index, op));
                push(actions, left.network, Action::Lose(index, op));
                push(actions, left.network * u8::from(!responded), Action::Overload(index, op));
            }
            for op in tab.solves.keys() {
                actions.push(Action::Solve(index, *op));
                push(actions, left.network, Action::SolveWrongly(index, *op));
                push(actions, left.network, Action::FailToSolve(index, *op));
            }
            for message in 0..tab.inbox.len() {
                actions.push(Action::DeliverMessage(index, message));
                push(actions, left.lost_messages, Action::LoseMessage(index, message));
            }
            if tab.machine.poll_timeout().is_some() {
                push(actions, left.timers + u8::from(tab.awaits_visibility()), Action::Timer(index));
            }
            push(actions, left.crashes, Action::Crash(index));
            push(actions, left.closes, Action::Close(index));
            push(actions, left.clocks, Action::SetClock(index, true));
            push(actions, left.clocks, Action::SetClock(index, false));
            push(actions, left.offline, Action::Offline(index));
            push(actions, left.offline, Action::Online(index));
        }
        if state.world.has_early_lock() {
            actions.push(Action::EndEarlyLock);
        }
        if state.world.lock.holder.is_none() && !state.world.lock.queue.is_empty() {
            actions.push(Action::GrantLock);
        }
        push(actions, left.lids, Action::CloseLid);
        push(actions, left.clears, Action::ClearStorage);
        push(actions, left.restores, Action::Restore);
        push(actions, left.lost_locks * u8::from(state.world.lock.holder.is_some()), Action::LoseLock);
        for (session, known) in state.world.server.sessions.iter().enumerate() {
            push(actions, left.revocations * u8::from(!known.revoked), Action::Revoke(session));
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        state.act(action);
        state.world.check_guests();
        state.world.check_rest();
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        macro_rules! holds {
            ($($index:literal)*) => {{
                const { assert!([$($index),*].len() == PROPERTIES.len(), "a property is not checked") };
                vec![$(Property::always(PROPERTIES[$index], |_: &Scenario, state: &State| {
                    !state.world.violations.contains_key(PROPERTIES[$index])
                })),*]
            }};
        }
        holds!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17)
    }
}

impl State {
    fn act(&mut self, action: Action) {
        let day = 86_400_000;
        let (world, left) = (&mut self.world, &mut self.left);
        match action {
            Action::Want(tab) => {
                left[tab + 1].calls -= 1;
                world.want(tab);
            }
            Action::LogInEarly(tab) => {
                left[0].early_logins -= 1;
                world.log_in_early(tab);
            }
            Action::EndEarlyLock => world.end_early_lock(),
            Action::Expire(tab) => {
                left[0].expiries -= 1;
                world.feed(tab, Input::Expire);
            }
            Action::SignOut(tab) => {
                left[0].sign_outs -= 1;
                world.sign_out(tab, false);
            }
            Action::SignOutPermanently(tab) => {
                left[0].permanent_sign_outs -= 1;
                world.sign_out(tab, true);
            }
            Action::Register(tab) => {
                left[0].registrations -= 1;
                world.account_request(tab, Account::Register);
            }
            Action::Login(tab) => {
                left[0].logins -= 1;
                world.account_request(tab, Account::Login);
            }
            Action::Deny(tab, op) => {
                left[0].denials -= 1;
                world.deny(tab, op);
            }
            Action::Erase(tab) => {
                left[0].erasures -= 1;
                world.account_request(tab, Account::Erase);
            }
            Action::Export(tab) => {
                left[0].exports -= 1;
                world.account_request(tab, Account::Export);
            }
            Action::CloseLid => {
                left[0].lids -= 1;
                world.server.end_grace();
            }
            Action::Restore => {
                left[0].restores -= 1;
                world.server.restore();
            }
            Action::Start(tab) => {
                left[0].starts -= 1;
                world.start(tab);
            }
            Action::Request(tab, call) => world.request(tab, call, false),
            Action::RefuseRequest(tab, call) => {
                left[0].refusals -= 1;
                world.request(tab, call, true);
            }
            Action::GrantLock => world.grant_lock(),
            Action::LoseLock => {
                left[0].lost_locks -= 1;
                world.lose_lock();
            }
            Action::Io(tab) => world.do_io(tab, false),
            Action::BreakStorage(tab) => {
                left[0].storage -= 1;
                world.break_storage(tab);
            }
            Action::MendStorage(tab) => {
                left[0].recoveries -= 1;
                world.tabs[tab].storage_fails = false;
            }
            Action::ClearStorage => {
                left[0].clears -= 1;
                world.clear_storage();
            }
            Action::Serve(tab, op) => world.serve(tab, op),
            Action::Deliver(tab, op) => world.deliver(tab, op, false),
            Action::DeliverTwice(tab, op) => {
                left[0].network -= 1;
                world.deliver(tab, op, true);
            }
            Action::Lose(tab, op) => {
                left[0].network -= 1;
                world.lose(tab, op);
            }
            Action::Overload(tab, op) => {
                left[0].network -= 1;
                world.overload(tab, op);
            }
            Action::Solve(tab, op) => world.solve(tab, op, true),
            Action::SolveWrongly(tab, op) => {
                left[0].network -= 1;
                world.solve(tab, op, false);
            }
            Action::FailToSolve(tab, op) => {
                left[0].network -= 1;
                world.fail_to_solve(tab, op);
            }
            Action::DeliverMessage(tab, message) => world.deliver_message(tab, message),
            Action::LoseMessage(tab, message) => {
                left[0].lost_messages -= 1;
                world.tabs[tab].inbox.remove(message);
            }
            Action::Timer(tab) => {
                left[0].timers = left[0].timers.saturating_sub(1);
                world.fire_timer(tab);
            }
            Action::Crash(tab) => {
                left[0].crashes -= 1;
                world.crash(tab);
            }
            Action::Reopen(tab) => world.reopen(tab),
            Action::Close(tab) => {
                left[0].closes -= 1;
                world.close(tab);
            }
            Action::Revoke(session) => {
                left[0].revocations -= 1;
                world.server.sessions[session].revoked = true;
            }
            Action::SetClock(tab, forward) => {
                left[0].clocks -= 1;
                let wall = &mut world.tabs[tab].now.wall;
                *wall = if forward { *wall + day } else { wall.saturating_sub(day) };
                world.feed(tab, Input::Tick);
            }
            Action::Offline(tab) => {
                left[0].offline -= 1;
                world.feed(tab, Input::Offline);
            }
            Action::Online(tab) => {
                left[0].offline -= 1;
                world.feed(tab, Input::Online);
            }
        }
    }
}

fn push(actions: &mut Vec<Action>, left: u8, action: Action) {
    if left > 0 {
        actions.push(action);
    }
}
