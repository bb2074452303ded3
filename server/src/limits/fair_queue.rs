//! A bounded queue for costly work, shared fairly by the clients.
//!
//! Each client has a queue of its own, and the clients take turns: a client with one request waits for at most one request of
//! each other client, however many requests the others have sent. When the queue is full, the newest request of the client with
//! the most waiting requests gives up its place.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::address::ClientNetwork;

/// The client of a request in a queue, by the network that one customer of a provider has at most. `None`: the embedding
/// application does not provide addresses, so that all clients count as one.
pub(crate) type Share = Option<ClientNetwork>;

/// Admits a few requests at a time.
#[derive(Debug)]
pub(crate) struct FairQueue<K: Eq + Hash + Clone = Share> {
    state: Arc<Mutex<State<K>>>,
    /// The greatest number of waiting requests.
    capacity: usize,
}

#[derive(Debug)]
struct State<K: Eq + Hash + Clone> {
    /// How many more requests may be admitted at once.
    free: usize,
    /// The waiting requests of each client, the oldest first. No client has an empty queue.
    clients: HashMap<K, VecDeque<oneshot::Sender<Turn<K>>>>,
    /// The clients with waiting requests, in the order of their turns.
    turns: VecDeque<K>,
    waiting: usize,
}

/// The request is not admitted, because too many requests wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct QueueFull;

/// An admitted request. Dropping it admits the next one.
#[derive(Debug)]
pub(crate) struct Turn<K: Eq + Hash + Clone = Share>(Option<Arc<Mutex<State<K>>>>);

impl<K: Eq + Hash + Clone> FairQueue<K> {
    /// Admits `slots` requests at a time. `capacity` more may wait.
    pub(crate) fn new(slots: usize, capacity: usize) -> Self {
        let state = State { free: slots, clients: HashMap::new(), turns: VecDeque::new(), waiting: 0 };
        Self { state: Arc::new(Mutex::new(state)), capacity }
    }

    /// Waits for the turn of the client. If the returned future is dropped, the request leaves the queue.
    ///
    /// # Errors
    /// Too many requests wait, and no other client has more of them than this one.
    pub(crate) async fn turn(&self, client: K) -> Result<Turn<K>, QueueFull> {
        let turn = {
            let mut state = lock(&self.state);
            // While requests wait, no slot is free.
            if state.free > 0 {
                state.free -= 1;
                return Ok(Turn(Some(Arc::clone(&self.state))));
            }
            if state.waiting >= self.capacity {
                state.remove_cancelled();
            }
            if state.waiting >= self.capacity && !state.make_room_for(&client) {
                return Err(QueueFull);
            }
            state.enqueue(client)
        };
        turn.await.map_err(|_| QueueFull)
    }

    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        lock(&self.state).waiting
    }
}

fn lock<K: Eq + Hash + Clone>(state: &Mutex<State<K>>) -> MutexGuard<'_, State<K>> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<K: Eq + Hash + Clone> State<K> {
    fn enqueue(&mut self, client: K) -> oneshot::Receiver<Turn<K>> {
        let (sender, receiver) = oneshot::channel();
        if !self.clients.contains_key(&client) {
            self.turns.push_back(client.clone());
        }
        self.clients.entry(client).or_default().push_back(sender);
        self.waiting += 1;
        receiver
    }

    /// The next waiting request, of the client whose turn it is.
    fn dequeue(&mut self) -> Option<oneshot::Sender<Turn<K>>> {
        let client = self.turns.pop_front()?;
        let queue = self.clients.get_mut(&client)?;
        let next = queue.pop_front();
        if queue.is_empty() {
            self.clients.remove(&client);
        } else {
            self.turns.push_back(client);
        }
        self.waiting -= 1;
        next
    }

    /// Removes the newest request of the client with the most requests. Returns false if `client` is that client.
    fn make_room_for(&mut self, client: &K) -> bool {
        let own = self.clients.get(client).map_or(0, VecDeque::len);
        let Some((longest, queue)) = self.clients.iter_mut().max_by_key(|(_, queue)| queue.len()) else { return false };
        // With equal queues, the requests that came first stay.
        if queue.len() <= own + 1 {
            return false;
        }
        drop(queue.pop_back());
        debug_assert!(!queue.is_empty() && longest != client, "the queue had two requests or more");
        self.waiting -= 1;
        true
    }

    /// Removes the requests whose clients have disconnected.
    fn remove_cancelled(&mut self) {
        self.clients.retain(|_, queue| {
            queue.retain(|waiting| !waiting.is_closed());
            !queue.is_empty()
        });
        let clients = &self.clients;
        self.turns.retain(|client| clients.contains_key(client));
        self.waiting = self.clients.values().map(VecDeque::len).sum();
    }
}

impl<K: Eq + Hash + Clone> Drop for Turn<K> {
    fn drop(&mut self) {
        let Some(shared) = self.0.take() else { return };
        let mut state = lock(&shared);
        while let Some(next) = state.dequeue() {
            match next.send(Self(Some(Arc::clone(&shared)))) {
                Ok(()) => return,
                // The client has disconnected. Without its state, dropping this turn does nothing; the lock is held.
                Err(mut unused) => drop(unused.0.take()),
            }
        }
        state.free += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    type Waiting<'a> = Pin<Box<dyn Future<Output = Result<Turn<char>, QueueFull>> + 'a>>;

    /// The result of a future, if it has one.
    fn poll_once<T>(future: &mut Pin<Box<dyn Future<Output = T> + '_>>) -> Option<T> {
        match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(done) => Some(done),
            Poll::Pending => None,
        }
    }

    /// A request of `client` that waits.
    fn waiting(queue: &FairQueue<char>, client: char) -> Waiting<'_> {
        let mut waiting: Waiting<'_> = Box::pin(queue.turn(client));
        assert!(poll_once(&mut waiting).is_none(), "{client} did not wait");
        waiting
    }

    /// Ends one turn after the other; returns the clients in the order of their turns.
    fn order<'a>(first: Turn<char>, mut requests: Vec<(char, Waiting<'a>)>) -> String {
        let mut order = String::new();
        let mut current = first;
        while !requests.is_empty() {
            drop(current);
            let mut admitted = Vec::new();
            requests.retain_mut(|(client, request)| match poll_once(request) {
                Some(Ok(turn)) => {
                    admitted.push((*client, turn));
                    false
                }
                Some(Err(QueueFull)) => panic!("{client} lost its place"),
                None => true,
            });
            let Some((client, turn)) = admitted.pop() else { panic!("no request was admitted after {order}") };
            assert!(admitted.is_empty(), "two at a time");
            order.push(client);
            current = turn;
        }
        order
    }

    #[tokio::test]
    async fn s14_clients_take_turns_however_many_requests_one_of_them_sends() {
        let queue = FairQueue::new(1, 10);
        let first = queue.turn('a').await.unwrap();

        let requests = ['a', 'a', 'a', 'a', 'b', 'c', 'b'].map(|client| (client, waiting(&queue, client)));

        assert_eq!(order(first, requests.into()), "abcabaa");
        assert_eq!(queue.waiting(), 0);
        drop(queue.turn('a').await.unwrap());
    }

    #[tokio::test]
    async fn s14_a_full_queue_has_a_place_for_a_client_with_fewer_requests() {
        let queue = FairQueue::new(1, 3);
        let first = queue.turn('a').await.unwrap();
        let kept = [('a', waiting(&queue, 'a')), ('a', waiting(&queue, 'a'))];
        let mut displaced = waiting(&queue, 'a');
        assert_eq!(queue.turn('a').await.map(drop), Err(QueueFull), "the client with the most requests");

        let other = waiting(&queue, 'b');

        assert_eq!(poll_once(&mut displaced).map(|turn| turn.map(drop)), Some(Err(QueueFull)));
        assert_eq!(queue.waiting(), 3);
        assert_eq!(queue.turn('b').await.map(drop), Err(QueueFull), "it would only have as many as the other");
        let requests = kept.into_iter().chain([('b', other)]).collect();
        assert_eq!(order(first, requests), "aba");
    }

    #[tokio::test]
    async fn a_request_that_is_cancelled_leaves_the_queue_and_loses_no_slot() {
        let queue = FairQueue::new(1, 2);
        let first = queue.turn('a').await.unwrap();
        let (cancelled, chosen) = (waiting(&queue, 'a'), waiting(&queue, 'b'));
        drop(cancelled);
        let other = waiting(&queue, 'a');
        // Its turn comes, and it is cancelled before it notices.
        drop(first);
        drop(chosen);

        let mut other = other;
        let turn = poll_once(&mut other).unwrap().unwrap();

        assert_eq!(queue.waiting(), 0);
        drop(turn);
        drop(queue.turn('c').await.unwrap());
    }
}
