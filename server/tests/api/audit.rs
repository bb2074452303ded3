//! The audit trail, and the administration of users while a server runs

use axum::body::Body;
use axum::http::Request;
use axum::http::header::USER_AGENT;
use guestpass_server::{
    AuditEntry, AuditEvent, AuditFilter, AuditTrail, Clock, KeyAdmin, KeyScope, Rate, Role, UserAdmin, UserKey,
};
use serde_json::json;
use uuid::Uuid;

use crate::support::membership::{EMAIL, PASSWORD, credentials, login, new_member, register, uuid_of};
use crate::support::wait::until;
use crate::support::{
    DAY, MINUTE, SECOND, Server, Tokens, anonymous_login, authorized, form, from_peer, refresh, with_header,
};

const NETWORK: &str = "203.0.113.7";
const FIREFOX: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0";

/// The request as from Firefox in `NETWORK`.
fn from_firefox(request: Request<Body>) -> Request<Body> {
    with_header(from_peer(NETWORK, request), USER_AGENT.as_str(), FIREFOX)
}

async fn entries_of(server: &Server, filter: AuditFilter) -> Vec<AuditEntry> {
    let trail = AuditTrail::open(server.location()).await.unwrap();
    let entries = trail.entries(filter).await.unwrap();
    trail.close().await;
    entries
}

async fn entries(server: &Server) -> Vec<AuditEntry> {
    entries_of(server, AuditFilter::default()).await
}

/// Event and detail of each entry.
fn told(entries: &[AuditEntry]) -> Vec<(AuditEvent, &str)> {
    entries.iter().map(|entry| (entry.event, entry.detail.as_deref().unwrap_or(""))).collect()
}

fn id(subject: &str) -> Uuid {
    uuid_of(subject).parse().unwrap()
}

async fn firefox_guest(server: &Server) -> Tokens {
    let response = server.send(from_firefox(anonymous_login(Some(json!({ "refresh": true })), None))).await;
    response.tokens()
}

async fn session_of(server: &Server, refresh: &str) -> Uuid {
    server.get("/me/sessions", refresh).await.json()["sessions"][0]["id"].as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn s18_each_change_has_an_entry_with_the_network_and_the_label_of_the_client() {
    let server = Server::open().await;
    let (member, guest) = (firefox_guest(&server).await, firefox_guest(&server).await);
    assert_eq!(entries(&server).await, [], "the login of a guest has no entry");

    let registered = server.send(from_firefox(register(&member.refresh))).await.tokens();
    server.clock.advance(SECOND);
    let merged = server.send(from_firefox(login(&guest.refresh))).await.tokens();
    server.clock.advance(SECOND);
    for _ in 0..2 {
        assert_eq!(server.send(from_firefox(form("/revoke", &[("token", &registered.access)]))).await.status, 200);
    }

    let entries = entries(&server).await;
    let expected = [
        (AuditEvent::Registered, "password"),
        (AuditEvent::LoggedIn, "password"),
        (AuditEvent::SessionEnded, "signed_out"),
    ];
    assert_eq!(told(&entries), expected, "{entries:#?}");
    for entry in &entries {
        assert_eq!(entry.subject, Some(id(&member.id)));
        assert_eq!((entry.network.as_deref(), entry.label.as_deref()), (Some(NETWORK), Some("Firefox on Windows")));
        assert_eq!(entry.actor, Role::Client);
    }
    assert_eq!(entries[1].session, Some(session_of(&server, &merged.refresh).await), "the new session");
    assert_eq!(entries[2].session, entries[0].session);
    assert_eq!(entries[1].guest, Some(id(&guest.id)), "the guest whose data was merged");
    assert_eq!(entries[1].at.rfc3339(), "2027-01-15T08:00:01.250Z");
}

#[tokio::test]
async fn a_login_of_a_member_to_the_same_account_has_an_entry() {
    let server = Server::open().await;
    let member = new_member(&server).await;

    let again = server.send(login(&member.refresh)).await.tokens();

    let entries = entries(&server).await;
    assert_eq!(told(&entries), [(AuditEvent::Registered, "password"), (AuditEvent::LoggedIn, "password")]);
    assert_eq!((entries[1].session, entries[1].guest), (Some(session_of(&server, &again.refresh).await), None));
}

#[tokio::test]
async fn a_session_ended_by_its_owner_or_by_reuse_has_an_entry_that_tells_why() {
    let server = Server::open().await;
    let (owner, victim) = (firefox_guest(&server).await, firefox_guest(&server).await);
    let (session, stolen) = (session_of(&server, &owner.refresh).await, session_of(&server, &victim.refresh).await);
    let second = server.refresh(&victim.refresh).await.tokens();
    server.refresh(&second.refresh).await.tokens();

    let path = format!("/me/sessions/{session}");
    assert_eq!(server.send(authorized("DELETE", &path, &owner.refresh, None)).await.status, 204);
    let thief = from_peer("2001:db8:1:2:3:4:5:6", refresh(&victim.refresh));
    server.send(thief).await.assert_oauth_error("invalid_grant");

    let entries = entries(&server).await;
    let expected = [(AuditEvent::SessionEnded, "ended_by_owner"), (AuditEvent::SessionEnded, "token_reused")];
    assert_eq!(told(&entries), expected);
    assert_eq!((entries[0].session, entries[1].session), (Some(session), Some(stolen)));
    assert_eq!((entries[1].actor, entries[1].network.as_deref()), (Role::Server, Some("2001:db8:1:2::/64")));
}

#[tokio::test]
async fn s18_a_change_without_its_entry_is_not_made() {
    let server = Server::open().await;
    let (guest, member) = (server.anonymous_login().await, new_member(&server).await);
    server.database().execute("ALTER TABLE audit_entry RENAME TO hidden_entry");

    assert_eq!(server.revoke(&guest.access).await.status, 503);
    assert_eq!(server.send(authorized("DELETE", "/me", &guest.refresh, None)).await.status, 503);
    let other = authorized("POST", "/register", &guest.refresh, Some(credentials("grace@example.com", PASSWORD)));
    assert_eq!(server.send(other).await.status, 503);
    assert_eq!(server.send(login(&guest.refresh)).await.status, 503);

    assert!(server.accepts(&guest.access).await, "the session was revoked without an entry");
    assert_eq!(server.number("SELECT count(*) FROM account"), 1);
    let ended = "SELECT count(*) FROM session WHERE revoked_at IS NOT NULL";
    assert_eq!(server.number(ended), 1, "only the one that the registration of the member has ended");
    server.database().execute("ALTER TABLE hidden_entry RENAME TO audit_entry");
    let server = server.restart().await;
    assert!(server.accepts(&guest.access).await && server.accepts(&member.access).await);
    assert_eq!(server.get("/me", &guest.access).await.json()["kind"], "guest");
}

#[tokio::test]
async fn s18_failed_attempts_are_in_the_trail_in_number_and_without_the_address() {
    let server = Server::open().await;
    let (member, guest) = (new_member(&server).await, server.anonymous_login().await);
    let attempt = |network: &str, email: &str| {
        from_peer(network, authorized("POST", "/login", &guest.refresh, Some(credentials(email, "wrong password"))))
    };
    for network in [NETWORK; 12].into_iter().chain(["198.51.100.1"; 3]) {
        server.send(attempt(network, "Ada@Example.com")).await;
    }
    server.send(attempt(NETWORK, "unknown@example.com")).await.assert_refused(403, "invalid_credentials");
    server.send(from_peer(NETWORK, register(&guest.refresh))).await.assert_refused(409, "email_taken");
    let short = authorized("POST", "/register", &guest.refresh, Some(credentials("grace@example.com", "short")));
    assert_eq!(server.send(short).await.status, 422);
    server.clock.advance(60 * MINUTE);
    let later = server.anonymous_login().await;
    let wrong = authorized("POST", "/login", &later.refresh, Some(credentials(EMAIL, "wrong password")));
    server.send(from_peer(NETWORK, wrong)).await.assert_refused(403, "invalid_credentials");

    let server = server.restart().await;

    let subject = Some(id(&member.id));
    let failed = entries(&server).await.into_iter().filter(|entry| entry.attempts.is_some());
    let mut failed: Vec<_> = failed
        .map(|entry| {
            (entry.at.rfc3339(), entry.event, entry.detail.unwrap(), entry.network, entry.subject, entry.attempts)
        })
        .collect();
    failed.sort_by_key(|entry| format!("{entry:?}"));
    let expected = |hour: u8, event, detail: &str, network: &str, subject, attempts| {
        let hour = format!("2027-01-15T{hour:02}:00:00.000Z");
        (hour, event, detail.to_owned(), Some(network.to_owned()), subject, Some(attempts))
    };
    use AuditEvent::{LoginFailed, RegistrationFailed};
    let mut all = [
        expected(8, LoginFailed, "invalid_credentials", NETWORK, subject, 10),
        expected(8, LoginFailed, "rate_limited", NETWORK, subject, 2),
        expected(8, LoginFailed, "invalid_credentials", "198.51.100.1", subject, 3),
        expected(8, LoginFailed, "invalid_credentials", NETWORK, None, 1),
        expected(8, RegistrationFailed, "email_taken", NETWORK, subject, 1),
        expected(9, LoginFailed, "invalid_credentials", NETWORK, subject, 1),
    ];
    all.sort_by_key(|entry| format!("{entry:?}"));
    assert_eq!(failed, all);
    let secret = "event || actor || coalesce(network, '') || coalesce(label, '') || coalesce(detail, '') LIKE '%@%'";
    assert_eq!(server.number(&format!("SELECT count(*) FROM audit_entry WHERE {secret}")), 0);
}

#[tokio::test]
async fn attempts_of_one_hour_are_added_up_over_many_flushes() {
    let server = Server::open().await;
    let (_, guest) = (new_member(&server).await, server.anonymous_login().await);
    let mut server = server;
    for _ in 0..3 {
        let wrong = authorized("POST", "/login", &guest.refresh, Some(credentials(EMAIL, "wrong password")));
        server.send(wrong).await.assert_refused(403, "invalid_credentials");
        server = server.restart().await;
    }

    let attempts: Vec<_> = entries(&server).await.iter().filter_map(|entry| entry.attempts).collect();

    assert_eq!(attempts, [3]);
}

#[tokio::test]
async fn s18_after_an_erasure_the_trail_has_a_pseudonym_that_only_the_id_finds() {
    let server = Server::open().await;
    let (member, guest) = (firefox_guest(&server).await, firefox_guest(&server).await);
    let member = server.send(from_firefox(register(&member.refresh))).await.tokens();
    let merged = server.send(from_firefox(login(&guest.refresh))).await.tokens();
    let wrong = authorized("POST", "/login", &merged.refresh, Some(credentials(EMAIL, "wrong password")));
    server.send(from_peer("198.51.100.1", wrong)).await;
    let server = server.restart().await;

    let erasure = from_peer("198.51.100.9", authorized("DELETE", "/me", &member.refresh, None));
    assert_eq!(server.send(erasure).await.status, 204);

    let entries = entries_of(&server, AuditFilter { subject: Some(id(&member.id)), ..AuditFilter::default() }).await;
    let expected = [(AuditEvent::Registered, "password"), (AuditEvent::LoggedIn, "password"), (AuditEvent::Erased, "")];
    assert_eq!(told(&entries), expected, "the attempts are gone");
    for entry in &entries {
        assert!(![Some(id(&member.id)), Some(id(&guest.id))].contains(&entry.subject), "{entry:?}");
        assert_eq!((entry.guest, entry.session), (None, None));
    }
    let networks: Vec<_> = entries.iter().map(|entry| entry.network.as_deref()).collect();
    assert_eq!(networks, [None, None, Some("198.51.100.9")], "only of the erasure itself");
    assert_eq!(server.number("SELECT count(*) FROM audit_entry"), 3);
}

#[tokio::test]
async fn s18_the_trail_is_limited_in_time_and_in_number() {
    let server = Server::open_with(|config| config.audit_entries = 2).await;
    for _ in 0..4 {
        let guest = server.anonymous_login().await;
        assert_eq!(server.revoke(&guest.access).await.status, 200);
        server.clock.advance(DAY);
    }

    server.guestpass().sweep().await.unwrap();
    let newest: Vec<_> = entries(&server).await.iter().map(|entry| entry.at.rfc3339()).collect();
    assert_eq!(newest, ["2027-01-17T08:00:00.250Z", "2027-01-18T08:00:00.250Z"]);

    // 90 days after the older one.
    server.clock.advance(88 * DAY);
    server.guestpass().sweep().await.unwrap();
    assert_eq!(entries(&server).await.len(), 2);
    server.clock.advance(SECOND);
    server.guestpass().sweep().await.unwrap();
    assert_eq!(entries(&server).await.len(), 1);
}

#[tokio::test]
async fn a_filter_finds_entries_by_each_member() {
    let server = Server::open().await;
    let (member, guest) = (firefox_guest(&server).await, server.anonymous_login().await);
    server.send(from_firefox(register(&member.refresh))).await;
    server.clock.advance(MINUTE);
    let now = server.clock.now();
    let merged = server.send(login(&guest.refresh)).await.tokens();
    let session = session_of(&server, &merged.refresh).await;
    server.revoke(&merged.access).await;

    let all = AuditFilter::default;
    let found = async |filter| told(&entries_of(&server, filter).await).len();
    assert_eq!(found(all()).await, 3);
    assert_eq!(found(AuditFilter { limit: 2, ..all() }).await, 2);
    assert_eq!(found(AuditFilter { subject: Some(id(&guest.id)), ..all() }).await, 1, "as the merged guest");
    assert_eq!(found(AuditFilter { subject: Some(id(&member.id)), ..all() }).await, 3);
    assert_eq!(found(AuditFilter { session: Some(session), ..all() }).await, 2);
    assert_eq!(found(AuditFilter { network: Some("203.0.113.7/32".parse().unwrap()), ..all() }).await, 1);
    assert_eq!(found(AuditFilter { event: Some(AuditEvent::LoggedIn), ..all() }).await, 1);
    assert_eq!(found(AuditFilter { since: Some(now), ..all() }).await, 2);
    assert_eq!(found(AuditFilter { until: Some(now), ..all() }).await, 1);
}

#[tokio::test]
async fn an_export_has_the_own_entries_and_the_list_of_sessions_has_labels() {
    let server = Server::open().await;
    let (member, other) = (firefox_guest(&server).await, firefox_guest(&server).await);
    let member = server.send(from_firefox(register(&member.refresh))).await.tokens();
    server.revoke(&other.access).await;

    let sessions = server.get("/me/sessions", &member.refresh).await.json();
    let export = server.get("/me/export", &member.refresh).await.json();

    assert_eq!(sessions["sessions"][0]["label"], "Firefox on Windows");
    assert_eq!(export["sessions"][0]["network"], NETWORK);
    let entry = json!({
        "at": "2027-01-15T08:00:00.250Z",
        "event": "registered",
        "actor": "client",
        "session": sessions["sessions"][0]["id"],
        "network": NETWORK,
        "label": "Firefox on Windows",
        "detail": "password",
        "attempts": null,
    });
    assert_eq!(export["audit"], json!([entry]));
}

#[tokio::test]
async fn commands_of_operators_are_in_the_trail() {
    let server = Server::open().await;
    let keys = KeyAdmin::open_at(server.location(), server.clock.clone()).await.unwrap();
    keys.rotate(10 * SECOND).await.unwrap();
    keys.replace(KeyScope::AccessTokens).await.unwrap();
    keys.replace(KeyScope::AllTokens).await.unwrap();
    keys.close().await;

    let entries = entries(&server).await;

    let expected =
        [(AuditEvent::KeysRotated, ""), (AuditEvent::KeysReplaced, "access"), (AuditEvent::KeysReplaced, "all")];
    assert_eq!(told(&entries), expected);
    assert!(entries.iter().all(|entry| entry.actor == Role::Operator && entry.network.is_none()), "{entries:?}");
}

async fn admin(server: &Server) -> UserAdmin {
    UserAdmin::open_at(server.location(), server.clock.clone()).await.unwrap()
}

#[tokio::test]
async fn an_operator_sees_a_user_by_id_and_by_address() {
    let server = Server::open().await;
    let member = firefox_guest(&server).await;
    let member = server.send(from_firefox(register(&member.refresh))).await.tokens();
    let wrong = authorized("POST", "/login", &member.refresh, Some(credentials(EMAIL, "wrong password")));
    server.send(wrong).await.assert_refused(403, "invalid_credentials");
    let server = server.restart().await;
    let admin = admin(&server).await;

    let by_id = admin.user(UserKey::Id(id(&member.id))).await.unwrap().unwrap();
    let by_email = admin.user(UserKey::parse("Ada@example.com").unwrap()).await.unwrap().unwrap();

    assert_eq!(by_id, by_email);
    assert_eq!((by_id.email.as_deref(), by_id.has_password, by_id.failed_attempts), (Some(EMAIL), true, 1));
    let session = &by_id.sessions[0];
    assert_eq!((session.network.as_deref(), session.label.as_deref()), (Some(NETWORK), Some("Firefox on Windows")));
    assert!(session.is_live);
    assert_eq!(admin.user(UserKey::Id(Uuid::nil())).await.unwrap(), None);
    assert_eq!(admin.user(UserKey::Email("grace@example.com".to_owned())).await.unwrap(), None);
    admin.close().await;
}

#[tokio::test]
async fn s04_a_running_server_refuses_the_tokens_of_a_session_that_an_operator_has_ended() {
    let server = Server::open().await;
    let (user, other) = (server.anonymous_login().await, server.anonymous_login().await);
    let (admin, session) = (admin(&server).await, session_of(&server, &user.refresh).await);

    assert!(admin.revoke(id(&user.id), Some(Uuid::nil())).await.unwrap().is_empty());
    assert_eq!(admin.revoke(id(&user.id), None).await.unwrap(), [session]);

    until("the server refuses the token", async || !server.accepts(&user.access).await).await;
    server.refresh(&user.refresh).await.assert_oauth_error("invalid_grant");
    assert!(server.accepts(&other.access).await);
    let entries = entries(&server).await;
    assert_eq!(told(&entries), [(AuditEvent::SessionEnded, "ended_by_operator")]);
    assert_eq!((entries[0].actor, entries[0].subject), (Role::Operator, Some(id(&user.id))));
    admin.close().await;
}

#[tokio::test]
async fn s04_a_running_server_refuses_the_tokens_of_a_user_whom_an_operator_has_erased() {
    let server = Server::open().await;
    let (user, other) = (new_member(&server).await, server.anonymous_login().await);
    let admin = admin(&server).await;

    assert!(admin.erase(id(&user.id)).await.unwrap());
    assert!(!admin.erase(id(&user.id)).await.unwrap());

    // Reads no row of the user.
    until("the server refuses the token", async || server.get("/items/", &user.access).await.status == 401).await;
    assert!(server.accepts(&other.access).await);
    assert_eq!(server.number("SELECT count(*) FROM account"), 0);
    let entries = entries_of(&server, AuditFilter { subject: Some(id(&user.id)), ..AuditFilter::default() }).await;
    assert_eq!(told(&entries), [(AuditEvent::Registered, "password"), (AuditEvent::Erased, "")]);
    assert_eq!(entries[1].actor, Role::Operator);
    admin.close().await;
}

#[tokio::test]
async fn an_operator_unlocks_the_password_of_an_account_on_a_running_server() {
    let server = Server::open_with(|config| config.account_rate = Rate::Off).await;
    let (member, guest) = (new_member(&server).await, server.anonymous_login().await);
    let admin = admin(&server).await;
    let attempt = async |password: &str| {
        let request = authorized("POST", "/login", &guest.refresh, Some(credentials(EMAIL, password)));
        server.send(from_peer(NETWORK, request)).await.status.as_u16()
    };
    let lock_out = async || {
        for _ in 0..10 {
            attempt("wrong password").await;
        }
        assert_eq!(attempt("wrong password").await, 429);
    };
    lock_out().await;

    assert!(admin.unlock(id(&member.id)).await.unwrap());

    until("the account is unlocked", async || attempt("wrong password").await == 403).await;
    lock_out().await;
    server.clock.advance(SECOND);
    assert!(admin.unlock(id(&member.id)).await.unwrap());
    until("the owner can log in", async || attempt(PASSWORD).await == 200).await;
    assert!(!admin.unlock(id(&guest.id)).await.unwrap(), "a guest has no address");
    let unlocked = AuditFilter { event: Some(AuditEvent::AccountUnlocked), ..AuditFilter::default() };
    assert_eq!(entries_of(&server, unlocked).await.len(), 2);
    admin.close().await;
}
