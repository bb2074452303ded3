//! The places of open connections, and which connection gives way when there are too few.
//!
//! A connection is idle while the server waits for its client: for a request, or for the rest of one. If no place is free, an
//! idle connection is closed for the new one: of the client with the most idle connections, the one that has been idle longest,
//! and those in the middle of a request last. So a client that opens many connections takes them from itself, and not from
//! others. A connection whose request is being handled is never closed; so the connections of one client are limited, and those of
//! one IPv6 /48, which has 65,536 clients.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use guestpass_server::ClientNetwork;
use ipnet::IpNet;
use tokio::sync::{Notify, oneshot};

/// The least time between two lines in the log about missing places.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// The places of all connections. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Slots {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    count: usize,
    per_client: usize,
    /// The greatest number of connections of one IPv6 /48.
    per_allocation: usize,
    /// Their connections belong to many clients.
    trusted_proxies: Vec<IpNet>,
    state: Mutex<State>,
    /// Notified when a place becomes free.
    freed: Notify,
}

/// The owner of a connection: a client, or `None` for all trusted proxies together.
type Owner = Option<ClientNetwork>;

/// Since when a connection is idle: whether a part of a request has arrived, and the number of the moment, which is used once. The
/// smallest one of an owner gives way first.
type IdleSince = (bool, u64);

/// The order in which idle connections give way, the last one first: those of proxies after all others, then by the number of
/// idle connections of the owner, then by the moment since which the first idle connection of the owner is idle.
type Rank = (bool, usize, Reverse<u64>);

#[derive(Debug, Default)]
struct State {
    connections: HashMap<u64, Connection>,
    owners: HashMap<Owner, Owned>,
    /// The number of open connections by IPv4 address or IPv6 /48, without those that were told to close.
    allocations: HashMap<ClientNetwork, usize>,
    /// The oldest idle connection of each owner.
    ranking: BTreeMap<Rank, u64>,
    /// The number of connections that were told to close, and are still open.
    closing: usize,
    /// Whether a new connection waits for a place.
    is_waiting: bool,
    /// The last number that was given to a connection or a moment.
    last_number: u64,
    shortage: Shortage,
}

#[derive(Debug)]
struct Connection {
    owner: Owner,
    idle_since: Option<IdleSince>,
    /// Tells it to close. `None`: it was told.
    close: Option<oneshot::Sender<()>>,
}

#[derive(Debug, Default)]
struct Owned {
    /// Without those that were told to close.
    open: usize,
    idle: BTreeMap<IdleSince, u64>,
    rank: Option<Rank>,
}

/// What happened since the last line in the log about missing places.
#[derive(Debug, Default)]
struct Shortage {
    idle_closed: u64,
    refused: u64,
    not_accepted: u64,
    logged: Option<Instant>,
}

/// The place of one connection. Dropping it frees the place.
#[derive(Debug)]
pub(crate) struct Slot {
    shared: Arc<Shared>,
    id: u64,
}

enum Admission {
    Admitted(Slot, oneshot::Receiver<()>),
    /// The client has too many connections, and a request is being handled on each of them.
    Refused,
    /// All places are taken.
    Full,
}

impl Slots {
    /// `per_client` is the greatest number of connections of one client; without effect if it is not less than `count`. An IPv6 /48
    /// can have three times as many, and at most three quarters of all.
    pub(crate) fn new(count: usize, per_client: usize, trusted_proxies: Vec<IpNet>) -> Self {
        let (state, freed) = (Mutex::default(), Notify::new());
        let per_allocation = per_client.saturating_mul(3).min(count - count / 4).max(per_client);
        Self { shared: Arc::new(Shared { count, per_client, per_allocation, trusted_proxies, state, freed }) }
    }

    /// Waits for a place for a new connection of `peer`. The receiver gets a message when the connection must close. `None`: the
    /// client has too many connections. Only one caller may wait at a time.
    pub(crate) async fn take(&self, peer: IpAddr) -> Option<(Slot, oneshot::Receiver<()>)> {
        let peer = peer.to_canonical();
        let is_proxy = self.shared.trusted_proxies.iter().any(|network| network.contains(&peer));
        let owner = (!is_proxy).then(|| ClientNetwork::from(peer));
        loop {
            match self.admit(owner) {
                Admission::Admitted(slot, close) => return Some((slot, close)),
                Admission::Refused => return None,
                Admission::Full => self.shared.freed.notified().await,
            }
        }
    }

    fn admit(&self, owner: Owner) -> Admission {
        let Shared { count, per_client, per_allocation, .. } = *self.shared;
        let mut state = self.shared.lock();
        let state = &mut *state;
        let open = state.owners.get(&owner).map_or(0, |owned| owned.open);
        let allocation = owner.map(ClientNetwork::allocation);
        let open_in_allocation = allocation.and_then(|allocation| state.allocations.get(&allocation)).copied();
        let too_many = owner.is_some() && per_client < count;
        let oldest = if too_many && open >= per_client {
            Some(state.owners.get(&owner).and_then(|owned| owned.idle.values().next().copied()))
        } else if too_many && open_in_allocation.is_some_and(|open| open >= per_allocation) {
            Some(state.first_idle_of(allocation))
        } else {
            None
        };
        if let Some(oldest) = oldest {
            let Some(oldest) = oldest else {
                state.shortage.refused += 1;
                state.log_shortage(None);
                return Admission::Refused;
            };
            state.close(oldest);
        }
        if state.connections.len() >= count {
            if state.closing == 0 {
                state.close_one();
            }
            state.is_waiting = true;
            state.log_shortage(None);
            return Admission::Full;
        }
        state.is_waiting = false;
        let (close, closed) = oneshot::channel();
        let id = state.next_number();
        state.connections.insert(id, Connection { owner, idle_since: None, close: Some(close) });
        state.owners.entry(owner).or_default().open += 1;
        if let Some(allocation) = allocation {
            *state.allocations.entry(allocation).or_default() += 1;
        }
        state.set_idle(id, false);
        Admission::Admitted(Slot { shared: Arc::clone(&self.shared), id }, closed)
    }

    /// A connection could not be accepted, for example because all file descriptors are in use: closes an idle connection.
    pub(crate) fn not_accepted(&self, error: &std::io::Error) {
        let mut state = self.shared.lock();
        state.close_one();
        state.shortage.not_accepted += 1;
        state.log_shortage(Some(error));
    }
}

impl Slot {
    /// The server waits for a request of the client.
    pub(crate) fn set_idle(&self) {
        self.wait_for_client(false);
    }

    /// The server has the head of a request, and waits for its body.
    pub(crate) fn set_receiving(&self) {
        self.wait_for_client(true);
    }

    fn wait_for_client(&self, is_receiving: bool) {
        let mut state = self.shared.lock();
        state.set_idle(self.id, is_receiving);
        if state.is_waiting && state.closing == 0 && state.connections.len() >= self.shared.count {
            state.close_one();
        }
    }

    /// A request is being handled. False if the connection was told to close: then the request must not be handled.
    pub(crate) fn set_busy(&self) -> bool {
        let mut state = self.shared.lock();
        state.set_busy(self.id);
        state.connections.get(&self.id).is_some_and(|connection| connection.close.is_some())
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.set_busy(self.id);
        let Some(connection) = state.connections.remove(&self.id) else { return };
        match connection.close {
            Some(_) => state.leave(connection.owner),
            None => state.closing -= 1,
        }
        drop(state);
        self.shared.freed.notify_one();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    fn set_idle(&mut self, id: u64, is_receiving: bool) {
        self.set_busy(id);
        let now = (is_receiving, self.next_number());
        let Some(connection) = self.connections.get_mut(&id).filter(|connection| connection.close.is_some()) else {
            return;
        };
        connection.idle_since = Some(now);
        let owner = connection.owner;
        self.owners.entry(owner).or_default().idle.insert(now, id);
        self.rank(owner);
    }

    fn set_busy(&mut self, id: u64) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let (owner, since) = (connection.owner, connection.idle_since.take());
        if let (Some(since), Some(owned)) = (since, self.owners.get_mut(&owner)) {
            owned.idle.remove(&since);
            self.rank(owner);
        }
    }

    /// Updates the place of an owner in the ranking.
    fn rank(&mut self, owner: Owner) {
        let Some(owned) = self.owners.get_mut(&owner) else { return };
        if let Some(old) = owned.rank.take() {
            self.ranking.remove(&old);
        }
        if let Some((since, id)) = owned.idle.first_key_value() {
            let rank = (owner.is_some(), owned.idle.len(), Reverse(since.1));
            owned.rank = Some(rank);
            self.ranking.insert(rank, *id);
        }
    }

    /// Tells the idle connection to close that gives way first, if there is one.
    fn close_one(&mut self) {
        if let Some((_, id)) = self.ranking.last_key_value() {
            self.close(*id);
        }
    }

    /// The idle connection of an IPv6 /48 that gives way first.
    fn first_idle_of(&self, allocation: Owner) -> Option<u64> {
        let is_of = |id: &u64| {
            let connection = self.connections.get(id);
            connection.is_some_and(|connection| connection.owner.map(ClientNetwork::allocation) == allocation)
        };
        self.ranking.values().rev().copied().find(is_of)
    }

    fn close(&mut self, id: u64) {
        self.set_busy(id);
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let (owner, close) = (connection.owner, connection.close.take());
        if let Some(close) = close {
            // An error means that the connection is ending by itself.
            let _ = close.send(());
            self.closing += 1;
            self.shortage.idle_closed += 1;
            self.leave(owner);
        }
    }

    fn leave(&mut self, owner: Owner) {
        if let Some(owned) = self.owners.get_mut(&owner) {
            owned.open -= 1;
            if owned.open == 0 {
                self.owners.remove(&owner);
            }
        }
        let Some(allocation) = owner.map(ClientNetwork::allocation) else { return };
        if let Some(open) = self.allocations.get_mut(&allocation) {
            *open -= 1;
            if *open == 0 {
                self.allocations.remove(&allocation);
            }
        }
    }

    fn log_shortage(&mut self, error: Option<&std::io::Error>) {
        if self.shortage.logged.is_some_and(|logged| logged.elapsed() <= LOG_INTERVAL) {
            return;
        }
        let Shortage { idle_closed, refused, not_accepted, .. } = std::mem::take(&mut self.shortage);
        self.shortage.logged = Some(Instant::now());
        let error = error.map(tracing::field::display);
        tracing::warn!(
            open = self.connections.len(),
            idle_closed,
            refused,
            not_accepted,
            error,
            "too many connections: idle ones are closed for new ones, and others wait; see --max-connections and \
             --max-connections-per-client"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENTS: [&str; 3] = ["192.0.2.1", "192.0.2.2", "2001:db8::1"];

    /// A connection, and whether it was told to close.
    struct Open {
        slot: Slot,
        close: oneshot::Receiver<()>,
    }

    impl Open {
        fn is_told_to_close(&mut self) -> bool {
            self.close.try_recv().is_ok()
        }
    }

    async fn open(slots: &Slots, address: &str) -> Open {
        let (slot, close) = slots.take(address.parse().unwrap()).await.unwrap();
        Open { slot, close }
    }

    /// Polls once.
    async fn is_ready<T>(future: &mut (impl Future<Output = T> + Unpin)) -> bool {
        tokio::select! {
            biased;
            _ = future => true,
            () = std::future::ready(()) => false,
        }
    }

    #[tokio::test]
    async fn s14_the_client_with_the_most_idle_connections_gives_way() {
        let slots = Slots::new(4, 4, Vec::new());
        let mut single = open(&slots, CLIENTS[0]).await;
        let (mut first, mut second) = (open(&slots, CLIENTS[1]).await, open(&slots, CLIENTS[1]).await);
        let mut busy = open(&slots, CLIENTS[1]).await;
        busy.slot.set_busy();
        first.slot.set_busy();
        first.slot.set_receiving();
        second.slot.set_busy();
        second.slot.set_idle();

        // The first has been idle for a longer time, but is in the middle of a request.
        let mut next = Box::pin(open(&slots, CLIENTS[2]));
        assert!(!is_ready(&mut next).await, "the place is free when the other connection has been closed");

        assert!(second.is_told_to_close());
        assert!(!second.slot.set_busy(), "a request that arrives then is not handled");
        drop(second);
        let mut next = next.await;
        for open in [&mut single, &mut first, &mut busy, &mut next] {
            assert!(!open.is_told_to_close());
        }
    }

    #[tokio::test]
    async fn s14_if_all_are_busy_the_next_idle_connection_gives_way() {
        let slots = Slots::new(1, 1, Vec::new());
        let mut busy = open(&slots, CLIENTS[0]).await;
        busy.slot.set_busy();
        let mut next = Box::pin(open(&slots, CLIENTS[1]));
        assert!(!is_ready(&mut next).await);
        assert!(!busy.is_told_to_close());

        busy.slot.set_idle();

        assert!(busy.is_told_to_close());
        drop(busy);
        next.await;
    }

    #[tokio::test]
    async fn s14_one_connection_gives_way_to_one_new_connection() {
        let slots = Slots::new(2, 2, Vec::new());
        let (mut first, second) = (open(&slots, CLIENTS[0]).await, open(&slots, CLIENTS[0]).await);
        second.slot.set_busy();
        let mut next = Box::pin(open(&slots, CLIENTS[1]));
        assert!(!is_ready(&mut next).await);
        assert!(first.is_told_to_close());
        drop(first);

        // The new connection has not taken the free place yet.
        second.slot.set_idle();

        let mut second = second;
        assert!(!second.is_told_to_close());
        next.await;
    }

    #[tokio::test]
    async fn s14_a_client_above_its_limit_is_refused_if_it_has_no_idle_connection() {
        let slots = Slots::new(9, 2, vec!["10.0.0.0/8".parse().unwrap()]);
        // Both are in one /64.
        let mut clients = [open(&slots, "2001:db8::1").await, open(&slots, "2001:db8::2").await];
        clients[0].slot.set_busy();
        clients[1].slot.set_busy();

        assert!(slots.take("2001:db8::3".parse().unwrap()).await.is_none());
        clients[0].slot.set_idle();
        open(&slots, "2001:db8::3").await;

        assert!(clients[0].is_told_to_close() && !clients[1].is_told_to_close());
        for _ in 0..3 {
            let proxy = open(&slots, "10.0.0.1").await;
            proxy.slot.set_busy();
            std::mem::forget(proxy);
        }
    }

    #[tokio::test]
    async fn s14_the_clients_of_one_ipv6_48_leave_places_to_others() {
        let slots = Slots::new(8, 2, Vec::new());
        let client = |number: usize| format!("2001:db8:1:{number}::1");
        let mut busy = Vec::new();
        for number in 0..6 {
            let open = open(&slots, &client(number)).await;
            open.slot.set_busy();
            busy.push(open);
        }

        assert!(slots.take(client(6).parse().unwrap()).await.is_none(), "three times the limit of one client");

        for address in ["2001:db8:2::1", CLIENTS[0]] {
            busy.push(open(&slots, address).await);
        }
        busy[3].slot.set_idle();
        let address = client(6);
        let mut next = Box::pin(open(&slots, &address));
        assert!(!is_ready(&mut next).await, "it waits for the place of the idle connection");
        assert!(busy[3].is_told_to_close());
        assert!(!busy[6].is_told_to_close() && !busy[7].is_told_to_close());
    }

    #[tokio::test]
    async fn closed_connections_leave_nothing_behind() {
        let slots = Slots::new(2, 2, Vec::new());
        for round in 0..50 {
            let first = open(&slots, CLIENTS[round % 3]).await;
            let second = open(&slots, CLIENTS[(round + 1) % 3]).await;
            first.slot.set_busy();
            slots.not_accepted(&std::io::ErrorKind::Other.into());
            drop((first, second));
        }

        let state = slots.shared.lock();
        assert!(state.connections.is_empty() && state.owners.is_empty() && state.ranking.is_empty());
        assert!(state.allocations.is_empty());
        assert_eq!(state.closing, 0);
    }
}
