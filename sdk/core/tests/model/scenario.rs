//! What may happen in a world, and how often: a scenario is finite, and all of it is explored.

use guestpass_core::{Input, Op, Request, Upgrade};
use stateright::{Model, Property};

use crate::checks::PROPERTIES;
use crate::tab::{Call, Life};
use crate::world::{Browser, World};

/// How often each thing may happen in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Budget {
    /// Calls that want a token, of each tab.
    pub(crate) calls: u8,
    /// Tokens that expire.
    pub(crate) expiries: u8,
    pub(crate) sign_outs: u8,
    /// Sign-outs after which nobody is to follow.
    pub(crate) permanent: u8,
    /// Guests who become a member.
    pub(crate) registrations: u8,
    /// Guests who log in as a member.
    pub(crate) logins: u8,
    /// Upgrades that the server refuses.
    pub(crate) denials: u8,
    pub(crate) erasures: u8,
    /// Calls of `start`.
    pub(crate) starts: u8,
    /// Timers that fire although something is still under way.
    pub(crate) timers: u8,
    /// Requests or answers that are lost, 503, or doubled.
    pub(crate) network: u8,
    /// Storages that fail for good.
    pub(crate) storage: u8,
    /// Locks that are taken away.
    pub(crate) lost_locks: u8,
    /// Tabs that crash, and may be opened again.
    pub(crate) crashes: u8,
    pub(crate) closes: u8,
    /// Sessions that the server ends.
    pub(crate) revocations: u8,
    /// TabMessage that is lost.
    pub(crate) message: u8,
    /// Good tokens that a resource refuses.
    pub(crate) refusals: u8,
    /// Wall clocks that are set forward or back by a day.
    pub(crate) clocks: u8,
    /// Networks that go away and come back.
    pub(crate) offline: u8,
}

#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) tabs: usize,
    pub(crate) browser: Browser,
    pub(crate) budget: Budget,
    /// The tabs begin with a guest that they share.
    pub(crate) warm: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) world: World,
    left: Vec<Budget>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    Want(usize),
    Expire(usize),
    SignOut(usize),
    SignOutForGood(usize),
    Register(usize),
    Login(usize),
    Deny(usize, Op),
    Erase(usize),
    Start(usize),
    Request(usize, u32),
    Refuse(usize, u32),
    GrantLock,
    LoseLock,
    Io(usize),
    BreakStorage(usize),
    Serve(usize, Op),
    PassThrough(usize, Op),
    DeliverTwice(usize, Op),
    Lose(usize, Op),
    Overload(usize, Op),
    Hear(usize, usize),
    LoseNews(usize, usize),
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
            world.come_to_rest();
        }
        vec![State { world, left }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if !state.world.wrong.is_empty() {
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
            let has_id = tab.machine.snapshot().id.is_some();
            push(actions, left.expiries * u8::from(has_id), Action::Expire(index));
            push(actions, left.sign_outs, Action::SignOut(index));
            push(actions, left.permanent, Action::SignOutForGood(index));
            push(actions, left.registrations, Action::Register(index));
            push(actions, left.logins, Action::Login(index));
            push(actions, left.erasures, Action::Erase(index));
            push(actions, left.starts, Action::Start(index));
            for (call, _) in tab.calls.iter().filter(|(_, call)| matches!(call, Call::Granted { .. })) {
                actions.push(Action::Request(index, *call));
                push(actions, left.refusals, Action::Refuse(index, *call));
            }
            if !tab.io.is_empty() {
                actions.push(Action::Io(index));
            }
            push(actions, left.storage * u8::from(!tab.broken), Action::BreakStorage(index));
            for (op, sent) in &tab.sends {
                let (answered, op) = (sent.response.is_some(), *op);
                actions.push(if answered { Action::PassThrough(index, op) } else { Action::Serve(index, op) });
                let deniable = !answered && matches!(sent.request, Request::Upgrade { .. });
                push(actions, left.denials * u8::from(deniable), Action::Deny(index, op));
                push(actions, left.network * u8::from(answered), Action::DeliverTwice(index, op));
                push(actions, left.network, Action::Lose(index, op));
                push(actions, left.network * u8::from(!answered), Action::Overload(index, op));
            }
            for message in 0..tab.inbox.len() {
                actions.push(Action::Hear(index, message));
                push(actions, left.message, Action::LoseNews(index, message));
            }
            if tab.machine.poll_timeout().is_some() {
                push(actions, left.timers + u8::from(tab.settles()), Action::Timer(index));
            }
            push(actions, left.crashes, Action::Crash(index));
            push(actions, left.closes, Action::Close(index));
            push(actions, left.clocks, Action::SetClock(index, true));
            push(actions, left.clocks, Action::SetClock(index, false));
            push(actions, left.offline, Action::Offline(index));
            push(actions, left.offline, Action::Online(index));
        }
        if state.world.lock.holder.is_none() && !state.world.lock.queue.is_empty() {
            actions.push(Action::GrantLock);
        }
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
                const { assert!([$($index),*].len() == PROPERTIES.len(), "a property is not looked at") };
                vec![$(Property::always(PROPERTIES[$index], |_: &Scenario, state: &State| {
                    !state.world.wrong.contains_key(PROPERTIES[$index])
                })),*]
            }};
        }
        holds!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14)
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
            Action::Expire(tab) => {
                left[0].expiries -= 1;
                world.feed(tab, Input::Expire);
            }
            Action::SignOut(tab) => {
                left[0].sign_outs -= 1;
                world.sign_out(tab, false);
            }
            Action::SignOutForGood(tab) => {
                left[0].permanent -= 1;
                world.sign_out(tab, true);
            }
            Action::Register(tab) => {
                left[0].registrations -= 1;
                world.upgrade(tab, Upgrade::Register);
            }
            Action::Login(tab) => {
                left[0].logins -= 1;
                world.upgrade(tab, Upgrade::Login);
            }
            Action::Deny(tab, op) => {
                left[0].denials -= 1;
                world.deny(tab, op);
            }
            Action::Erase(tab) => {
                left[0].erasures -= 1;
                world.erase(tab);
            }
            Action::Start(tab) => {
                left[0].starts -= 1;
                world.start(tab);
            }
            Action::Request(tab, call) => world.request(tab, call, false),
            Action::Refuse(tab, call) => {
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
            Action::Serve(tab, op) => world.serve(tab, op),
            Action::PassThrough(tab, op) => world.deliver(tab, op, false),
            Action::DeliverTwice(tab, op) => {
                left[0].network -= 1;
                world.deliver(tab, op, true);
            }
            Action::Lose(tab, op) => {
                left[0].network -= 1;
                world.end_session(tab, op);
            }
            Action::Overload(tab, op) => {
                left[0].network -= 1;
                world.refuse(tab, op);
            }
            Action::Hear(tab, message) => world.hear(tab, message),
            Action::LoseNews(tab, message) => {
                left[0].message -= 1;
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
