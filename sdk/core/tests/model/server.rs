//! A model of the server: it rotates refresh tokens, registers and merges as Guestpass's server does, in few states.

use std::collections::BTreeMap;

use guestpass_core::{Handle, Kind, Request, Response, ResponseBody, Subject, TokenResponse};

use crate::handles::{handle, id_of, text_of};

/// The state of the server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Server {
    pub(crate) sessions: Vec<Session>,
    /// The first is a member from the beginning; guests log in to that account.
    pub(crate) users: Vec<User>,
    /// The session that was acquired with each idempotency key.
    keys: BTreeMap<String, usize>,
    /// The upgrade of each idempotency key.
    upgrades: BTreeMap<String, Upgrade>,
    /// Issues no refresh tokens.
    classic: bool,
    /// Demands an answer to a challenge before it makes a guest.
    challenges: bool,
}

/// The account requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Account {
    Register,
    Login,
    Erase,
    Export,
}

/// An upgrade that is done: the session and the endpoint of the request, and the session that it has opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Upgrade {
    from: usize,
    account: Account,
    opened: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Session {
    counter: u32,
    /// A request with an access token of this counter was accepted, so the client has the refresh token, too.
    confirmed: bool,
    /// The grace window after the last rotation is not over.
    grace: bool,
    pub(crate) revoked: bool,
    /// An upgrade has revoked it.
    pub(crate) upgraded: bool,
    /// An upgrade has opened it, and no tab has stored it.
    pub(crate) unseen: bool,
    /// A tab has stored it.
    pub(crate) stored: bool,
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

impl Server {
    pub(crate) fn new(classic: bool, challenges: bool) -> Self {
        let member = User { email: Some(OLD_MEMBER), ..User::default() };
        let (sessions, keys, upgrades) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
        Self { sessions, users: vec![member], keys, upgrades, classic, challenges }
    }

    /// `account`: of an account request.
    pub(crate) fn serve(&mut self, request: &Request, account: Option<Account>, epoch: u64) -> Response {
        match (*request, account) {
            (Request::Acquire { key, answer }, _)
                if self.challenges && !self.keys.contains_key(&text_of(key)) && answer != Some(answer_to(key)) =>
            {
                Response { text: Some(key), ..problem(428, "proof_required") }
            }
            (Request::Acquire { key, .. }, _) => self.acquire(&text_of(key), epoch),
            (Request::Refresh { refresh_token }, _) => match self.accept(refresh_token) {
                Some((session, counter)) => self.rotate(session, counter),
                None => response(400, ResponseBody::Error(Handle::INVALID_GRANT)),
            },
            (Request::Revoke { token }, _) => {
                if let Some((session, _)) = self.find(&text_of(token)) {
                    self.sessions[session].revoked = true;
                }
                response(200, ResponseBody::Other)
            }
            (Request::Account { refresh_token, key: Some(key), .. }, Some(account)) => {
                self.upgrade(refresh_token, &text_of(key), account, epoch)
            }
            (Request::Account { refresh_token, .. }, account) => match self.accept(refresh_token) {
                Some((session, _)) if account == Some(Account::Erase) => self.erase(self.sessions[session].user),
                Some(_) => Response { text: Some(handle("export")), ..response(200, ResponseBody::Other) },
                None => response(401, ResponseBody::Other),
            },
        }
    }

    /// The grace windows of all sessions are over.
    pub(crate) fn end_grace(&mut self) {
        for session in &mut self.sessions {
            session.grace = false;
        }
    }

    /// The operator restores a backup from before the last rotation of each session.
    pub(crate) fn restore(&mut self) {
        for session in &mut self.sessions {
            session.counter = session.counter.saturating_sub(1);
            (session.grace, session.confirmed) = (false, false);
        }
    }

    /// A resource accepts the access token, and writes a row; or it refuses the token.
    pub(crate) fn write(&mut self, access_token: Handle, epoch: u64) -> bool {
        let Some((session, counter)) = self.find(&text_of(access_token)) else { return false };
        let known = &mut self.sessions[session];
        if known.revoked {
            return false;
        }
        known.confirmed |= counter == known.counter;
        *self.users[known.user].rows.entry(epoch).or_default() += 1;
        true
    }

    /// Whether the two subjects are of one session, before and after an upgrade.
    pub(crate) fn are_same(&self, old: Subject, new: Subject) -> bool {
        let belongs =
            |session: &Session, user: Option<usize>| Some(session.user) == user || Some(session.guest) == user;
        let (old, new) = (user_of(old), user_of(new));
        self.sessions.iter().any(|session| belongs(session, old) && belongs(session, new))
    }

    /// The sessions of a user.
    pub(crate) fn sessions_of(&self, subject: Subject) -> impl Iterator<Item = &Session> {
        let user = user_of(subject);
        self.sessions.iter().filter(move |session| Some(session.user) == user || Some(session.guest) == user)
    }

    fn acquire(&mut self, key: &str, epoch: u64) -> Response {
        let session = match self.keys.get(key) {
            Some(known) if self.sessions[*known].counter > 0 || self.sessions[*known].revoked => {
                return response(409, ResponseBody::Other);
            }
            Some(known) => *known,
            None => {
                self.users.push(User::default());
                let new = self.open(self.users.len() - 1, self.users.len() - 1, epoch);
                self.keys.insert(key.to_owned(), new);
                new
            }
        };
        self.token(session)
    }

    fn open(&mut self, user: usize, guest: usize, epoch: u64) -> usize {
        let (counter, confirmed, grace) = (0, false, true);
        let (revoked, upgraded, unseen, stored) = (false, false, false, false);
        self.sessions.push(Session {
            counter,
            confirmed,
            grace,
            revoked,
            upgraded,
            unseen,
            stored,
            epoch,
            user,
            guest,
        });
        self.sessions.len() - 1
    }

    /// The session and counter of a refresh token that is current, or the parent of the current one while that may be used. An
    /// older one is reuse, and ends the session.
    fn accept(&mut self, refresh_token: Handle) -> Option<(usize, u32)> {
        let (session, counter) = self.find(&text_of(refresh_token))?;
        if self.is_reuse(refresh_token) {
            self.sessions[session].revoked = true;
        }
        (!self.sessions[session].revoked).then_some((session, counter))
    }

    /// Whether the server would take this refresh token for a stolen one.
    pub(crate) fn is_reuse(&self, refresh_token: Handle) -> bool {
        let Some((session, counter)) = self.find(&text_of(refresh_token)) else { return false };
        let known = &self.sessions[session];
        let parent_may_be_used = counter + 1 == known.counter && (known.grace || !known.confirmed);
        !known.revoked && counter < known.counter && !parent_may_be_used
    }

    /// A counter ahead of that of the server was issued before a backup was restored.
    fn rotate(&mut self, session: usize, counter: u32) -> Response {
        let known = &mut self.sessions[session];
        if counter >= known.counter {
            known.counter = counter + 1;
            (known.confirmed, known.grace) = (false, true);
        }
        self.token(session)
    }

    /// Registers the guest, or merges it into the account of the first user: in a new session. All others of the guest end.
    fn upgrade(&mut self, refresh_token: Handle, key: &str, account: Account, epoch: u64) -> Response {
        let from = self.find(&text_of(refresh_token)).map(|(session, _)| session);
        if let Some(known) = self.upgrades.get(key).copied() {
            let Session { counter, revoked, .. } = self.sessions[known.opened];
            return match from {
                Some(from) if (from, account) != (known.from, known.account) => problem(409, "idempotency_key_reused"),
                Some(_) if counter == 0 && !revoked => self.membership(known.opened),
                _ => problem(409, "idempotency_key_expired"),
            };
        }
        let Some((from, _)) = self.accept(refresh_token) else { return response(401, ResponseBody::Other) };
        let guest = self.sessions[from].user;
        let user = if account == Account::Register { guest } else { 0 };
        let is_member = self.users[guest].email.is_some();
        let owner = self.users.iter().position(|user| user.email == Some(NEW_MEMBER));
        match account {
            Account::Register if is_member => return problem(409, "already_member"),
            Account::Register if owner.is_some() => return problem(409, "email_taken"),
            Account::Register => self.users[user].email = Some(NEW_MEMBER),
            _ if self.users[0].erased => return problem(403, "invalid_credentials"),
            _ if guest != 0 && is_member => return problem(409, "already_member"),
            _ if guest != 0 => {
                for (epoch, rows) in std::mem::take(&mut self.users[guest].rows) {
                    *self.users[0].rows.entry(epoch).or_default() += rows;
                }
            }
            _ => {}
        }
        for (index, session) in self.sessions.iter_mut().enumerate() {
            // A member who logs in again keeps the other sessions.
            if session.user == guest && !session.revoked && (!is_member || index == from) {
                (session.revoked, session.upgraded, session.user) = (true, true, user);
            }
        }
        let opened = self.open(user, guest, epoch);
        self.sessions[opened].unseen = true;
        self.upgrades.insert(key.to_owned(), Upgrade { from, account, opened });
        self.membership(opened)
    }

    fn membership(&self, session: usize) -> Response {
        Response { text: Some(handle(&id_of(self.subject(self.sessions[session].user)))), ..self.token(session) }
    }

    fn erase(&mut self, user: usize) -> Response {
        self.users[user] = User { erased: true, ..User::default() };
        for session in self.sessions.iter_mut().filter(|session| session.user == user) {
            session.revoked = true;
        }
        response(204, ResponseBody::Other)
    }

    fn token(&self, session: usize) -> Response {
        let Session { counter, user, .. } = self.sessions[session];
        let token = TokenResponse {
            access_token: handle(&format!("a{session}.{counter}")),
            expires_in: Some(900),
            refresh_token: (!self.classic).then(|| handle(&format!("r{session}.{counter}"))),
            subject: Some(self.subject(user)),
        };
        response(200, ResponseBody::Token(token))
    }

    /// Whether a refresh with this token would issue a new one, rather than repeat the last response.
    pub(crate) fn rotates(&self, token: Handle) -> bool {
        let found = self.find(&text_of(token)).map(|(session, counter)| (self.sessions[session], counter));
        found.is_some_and(|(session, counter)| !session.revoked && counter >= session.counter)
    }

    /// The session of a token.
    pub(crate) fn session(&self, token: Handle) -> Option<&Session> {
        self.find(&text_of(token)).map(|(session, _)| &self.sessions[session])
    }

    /// A tab stores this token.
    pub(crate) fn note_stored(&mut self, token: Handle) {
        if let Some((session, _)) = self.find(&text_of(token)) {
            self.sessions[session].unseen = false;
            self.sessions[session].stored = true;
        }
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

impl Session {
    /// Whether it was revoked, and no upgrade has opened another instead.
    pub(crate) fn has_ended(&self) -> bool {
        self.revoked && !self.upgraded
    }
}

fn user_of(subject: Subject) -> Option<usize> {
    text_of(subject.visitor).parse().ok()
}

/// The answer to the challenge for an acquire key. The model's problem is the key itself.
pub(crate) fn answer_to(key: Handle) -> Handle {
    handle(&format!("answer to {}", text_of(key)))
}

/// A problem response. The state of the server does not change.
pub(crate) fn problem(status: u16, code: &str) -> Response {
    response(status, ResponseBody::Error(handle(code)))
}

fn response(status: u16, body: ResponseBody) -> Response {
    Response { status, retry_after: None, body, text: None }
}
