//! A server that rotates as Guestpass's does, in as few states as that takes.

use std::collections::BTreeMap;

use guestpass_core::wire::{TokenAnswer, error_code};
use guestpass_core::{Answer, Body, Request};

/// What the server knows. A session is its guest: guest 3 has session 3.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Server {
    pub(crate) sessions: Vec<Session>,
    keys: BTreeMap<String, usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Session {
    counter: u32,
    pub(crate) revoked: bool,
    /// The epoch of the tab whose request made it: what the server does not know, but the properties speak of.
    pub(crate) epoch: u64,
}

impl Server {
    pub(crate) fn serve(&mut self, request: &Request, epoch: u64) -> Answer {
        match request {
            Request::Acquire { key } => self.acquire(key.expose(), epoch),
            Request::Refresh { refresh_token } => self.refresh(refresh_token.expose()),
            Request::Revoke { token } => {
                if let Some((session, _)) = self.find(token.expose()) {
                    self.sessions[session].revoked = true;
                }
                Answer { status: 200, retry_after: None, body: Body::Other }
            }
        }
    }

    /// Whether a resource would take this access token.
    pub(crate) fn accepts(&self, access_token: &str) -> bool {
        self.find(access_token).is_some_and(|(session, _)| !self.sessions[session].revoked)
    }

    fn acquire(&mut self, key: &str, epoch: u64) -> Answer {
        let session = match self.keys.get(key) {
            Some(known) if self.sessions[*known].counter > 0 || self.sessions[*known].revoked => {
                return Answer { status: 409, retry_after: None, body: Body::Other };
            }
            Some(known) => *known,
            None => {
                self.sessions.push(Session { counter: 0, revoked: false, epoch });
                let new = self.sessions.len() - 1;
                self.keys.insert(key.to_owned(), new);
                new
            }
        };
        self.token(session)
    }

    fn refresh(&mut self, token: &str) -> Answer {
        let invalid =
            Answer { status: 400, retry_after: None, body: Body::Error(error_code::INVALID_GRANT.to_owned()) };
        let Some((session, counter)) = self.find(token) else { return invalid };
        let known = &mut self.sessions[session];
        if known.revoked {
            return invalid;
        }
        if counter == known.counter {
            known.counter += 1;
        } else if counter + 1 != known.counter {
            known.revoked = true; // reuse
            return invalid;
        }
        self.token(session)
    }

    fn token(&self, session: usize) -> Answer {
        let counter = self.sessions[session].counter;
        let token = TokenAnswer {
            access_token: format!("a{session}.{counter}"),
            token_type: "bearer".to_owned(),
            expires_in: Some(900),
            refresh_token: Some(format!("r{session}.{counter}")),
            anonymous_id: Some(subject(session)),
        };
        Answer { status: 200, retry_after: None, body: Body::Token(token) }
    }

    fn find(&self, token: &str) -> Option<(usize, u32)> {
        let (session, counter) = token.get(1..)?.split_once('.')?;
        let (session, counter) = (session.parse().ok()?, counter.parse().ok()?);
        self.sessions.get(session).map(|_| (session, counter))
    }
}

/// The subject of a session's guest.
pub(crate) fn subject(session: usize) -> String {
    format!("anonymous_{session}")
}

/// The session of a subject.
pub(crate) fn session_of(subject: &str) -> Option<usize> {
    subject.strip_prefix("anonymous_")?.parse().ok()
}
