//! A model of the server: it rotates refresh tokens, registers and merges as Guestpass's server does, in few states.

use std::collections::BTreeMap;

use guestpass_core::{
    Handle, Kind, MembershipResponse, Request, Response, ResponseBody, Subject, TokenResponse, Upgrade,
};

use crate::handles::{handle, id_of, text_of};

/// The state of the server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Server {
    pub(crate) sessions: Vec<Session>,
    /// The first is a member from the beginning; guests log in to that account.
    pub(crate) users: Vec<User>,
    keys: BTreeMap<String, usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Session {
    counter: u32,
    pub(crate) revoked: bool,
    /// The epoch of the tab whose request created it. Only the checks use it.
    pub(crate) epoch: u64,
    /// The user that it belongs to.
    pub(crate) user: usize,
    /// The user that it was created for.
    guest: usize,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct User {
    email: Option<&'static str>,
    erased: bool,
    /// The number of rows that requests have written, by the epoch of the tab.
    pub(crate) rows: BTreeMap<u64, u32>,
}

/// The e-mail addresses of the first member, and of every guest that registers.
pub(crate) const OLD_MEMBER: &str = "old@example.com";
pub(crate) const NEW_MEMBER: &str = "new@example.com";

impl Default for Server {
    fn default() -> Self {
        let member = User { email: Some(OLD_MEMBER), ..User::default() };
        Self { sessions: Vec::new(), users: vec![member], keys: BTreeMap::new() }
    }
}

impl Server {
    pub(crate) fn serve(&mut self, request: &Request, epoch: u64) -> Response {
        match *request {
            Request::Acquire { key } => self.acquire(&text_of(key), epoch),
            Request::Refresh { refresh_token } => self.refresh(&text_of(refresh_token)),
            Request::Revoke { token } => {
                if let Some((session, _)) = self.find(&text_of(token)) {
                    self.sessions[session].revoked = true;
                }
                response(200, ResponseBody::Other)
            }
            Request::Upgrade { upgrade, access_token, body } => match self.caller(&text_of(access_token)) {
                Some(user) if upgrade == Upgrade::Register => self.register(user, &text_of(body)),
                Some(user) => self.login(user),
                None => response(401, ResponseBody::Other),
            },
            Request::Erase { access_token } => match self.caller(&text_of(access_token)) {
                Some(user) => self.erase(user),
                None => response(401, ResponseBody::Other),
            },
        }
    }

    /// A resource accepts the access token, and writes a row; or it refuses the token.
    pub(crate) fn write(&mut self, access_token: Handle, epoch: u64) -> bool {
        let caller = self.caller(&text_of(access_token));
        if let Some(user) = caller {
            *self.users[user].rows.entry(epoch).or_default() += 1;
        }
        caller.is_some()
    }

    /// Whether the two subjects are of one session, before and after an upgrade.
    pub(crate) fn are_same(&self, old: Subject, new: Subject) -> bool {
        let belongs =
            |session: &Session, user: Option<usize>| Some(session.user) == user || Some(session.guest) == user;
        let (old, new) = (user_of(old), user_of(new));
        self.sessions.iter().any(|session| belongs(session, old) && belongs(session, new))
    }

    /// Whether a session of this user has been revoked.
    pub(crate) fn has_ended(&self, subject: Subject) -> bool {
        let user = user_of(subject);
        let of_user = |session: &&Session| Some(session.user) == user || Some(session.guest) == user;
        self.sessions.iter().filter(of_user).any(|session| session.revoked)
    }

    fn acquire(&mut self, key: &str, epoch: u64) -> Response {
        let session = match self.keys.get(key) {
            Some(known) if self.sessions[*known].counter > 0 || self.sessions[*known].revoked => {
                return response(409, ResponseBody::Other);
            }
            Some(known) => *known,
            None => {
                let user = self.users.len();
                self.users.push(User::default());
                self.sessions.push(Session { counter: 0, revoked: false, epoch, user, guest: user });
                let new = self.sessions.len() - 1;
                self.keys.insert(key.to_owned(), new);
                new
            }
        };
        self.token(session)
    }

    fn refresh(&mut self, token: &str) -> Response {
        let invalid = response(400, ResponseBody::Error(Handle::INVALID_GRANT));
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

    fn register(&mut self, user: usize, email: &str) -> Response {
        let owner = self.users.iter().position(|user| user.email == Some(email));
        match (self.users[user].email, owner) {
            (Some(own), _) if own != email => problem(409, "already_member"),
            (None, Some(_)) => problem(409, "email_taken"),
            _ => {
                self.users[user].email = Some(NEW_MEMBER);
                self.member(user)
            }
        }
    }

    /// Merges the guest into the account of the first user, with all rows and sessions.
    fn login(&mut self, guest: usize) -> Response {
        if self.users[0].erased {
            return problem(403, "invalid_credentials");
        }
        if guest != 0 && self.users[guest].email.is_some() {
            return problem(409, "already_member");
        }
        if guest != 0 {
            for (epoch, rows) in std::mem::take(&mut self.users[guest].rows) {
                *self.users[0].rows.entry(epoch).or_default() += rows;
            }
            for session in self.sessions.iter_mut().filter(|session| session.user == guest) {
                session.user = 0;
            }
        }
        self.member(0)
    }

    fn erase(&mut self, user: usize) -> Response {
        self.users[user] = User { erased: true, ..User::default() };
        for session in self.sessions.iter_mut().filter(|session| session.user == user) {
            session.revoked = true;
        }
        response(204, ResponseBody::Other)
    }

    fn member(&self, user: usize) -> Response {
        let subject = self.subject(user);
        response(200, ResponseBody::Member(MembershipResponse { text: handle(&id_of(subject)), subject }))
    }

    fn token(&self, session: usize) -> Response {
        let Session { counter, user, .. } = self.sessions[session];
        let token = TokenResponse {
            access_token: handle(&format!("a{session}.{counter}")),
            expires_in: Some(900),
            refresh_token: Some(handle(&format!("r{session}.{counter}"))),
            subject: Some(self.subject(user)),
        };
        response(200, ResponseBody::Token(token))
    }

    /// The user of an access token; after a merge, that of the account.
    fn caller(&self, access_token: &str) -> Option<usize> {
        let (session, _) = self.find(access_token)?;
        let Session { revoked, user, .. } = self.sessions[session];
        (!revoked).then_some(user)
    }

    /// Whether a refresh with this token would issue a new one, rather than repeat the last response.
    pub(crate) fn rotates(&self, token: Handle) -> bool {
        let found = self.find(&text_of(token)).map(|(session, counter)| (self.sessions[session], counter));
        found.is_some_and(|(session, counter)| !session.revoked && counter == session.counter)
    }

    /// The session of a token.
    pub(crate) fn session(&self, token: Handle) -> Option<&Session> {
        self.find(&text_of(token)).map(|(session, _)| &self.sessions[session])
    }

    fn find(&self, token: &str) -> Option<(usize, u32)> {
        let (session, counter) = token.get(1..)?.split_once('.')?;
        let (session, counter) = (session.parse().ok()?, counter.parse().ok()?);
        self.sessions.get(session).map(|_| (session, counter))
    }

    fn subject(&self, user: usize) -> Subject {
        let kind = if self.users[user].email.is_some() { Kind::User } else { Kind::Guest };
        Subject { kind: Some(kind), visitor: handle(&user.to_string()) }
    }
}

fn user_of(subject: Subject) -> Option<usize> {
    text_of(subject.visitor).parse().ok()
}

/// A problem response. The state of the server does not change.
pub(crate) fn problem(status: u16, code: &str) -> Response {
    response(status, ResponseBody::Error(handle(code)))
}

fn response(status: u16, body: ResponseBody) -> Response {
    Response { status, retry_after: None, body }
}
