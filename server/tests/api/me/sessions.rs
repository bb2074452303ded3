//! `/me/sessions`

use serde_json::{Value, json};

use crate::support::membership::uuid_of;
use crate::support::{DAY, MINUTE, Server, Tokens, anonymous_login, authorized, get, with_header};

async fn sessions(server: &Server, refresh_token: &str) -> Vec<Value> {
    server.get("/me/sessions", refresh_token).await.json()["sessions"].as_array().unwrap().clone()
}

async fn end(server: &Server, refresh_token: &str, id: &str) -> crate::support::Response {
    server.send(authorized("DELETE", &format!("/me/sessions/{id}"), refresh_token, None)).await
}

async fn end_others(server: &Server, refresh_token: &str) -> crate::support::Response {
    server.send(authorized("DELETE", "/me/sessions", refresh_token, None)).await
}

/// A visitor with as many sessions, as a member has who signed in on as many devices.
async fn devices(server: &Server, count: usize) -> Vec<Tokens> {
    let mut devices = Vec::new();
    for _ in 0..count {
        devices.push(server.anonymous_login().await);
    }
    let ids: Vec<_> = devices.iter().map(|device| format!("'{}'", uuid_of(&device.id))).collect();
    let (visitor, all) = (&ids[0], ids.join(", "));
    server.database().execute(&format!("UPDATE session SET user_id = {visitor} WHERE user_id IN ({all})"));
    devices
}

/// Adds a second session to the guest of the session `first`, and returns its ID.
fn second_session(server: &Server, first: &str) -> String {
    let id = "0197f2f0-0000-7000-8000-00000000000a";
    server.database().execute(&format!(
        "INSERT INTO session (id, user_id, refreshable, counter, created_at, rotated_at, expires_at, access_expires_at)
         SELECT '{id}', user_id, refreshable, 3, created_at + 1000, created_at + 2000, expires_at, access_expires_at
         FROM session WHERE id = '{first}'"
    ));
    id.to_owned()
}

#[tokio::test]
async fn a_guest_gets_only_their_own_sessions() {
    let server = Server::open().await;
    let (tokens, other) = (server.anonymous_login().await, server.anonymous_login().await);

    let before = sessions(&server, &tokens.refresh).await;
    server.clock.advance(MINUTE);
    let refreshed = server.refresh(&tokens.refresh).await.tokens();
    let second = second_session(&server, before[0]["id"].as_str().unwrap());
    let after = sessions(&server, &refreshed.refresh).await;

    assert_eq!(before.len(), 1);
    assert_eq!(before[0]["current"], true);
    assert_eq!(before[0]["created_at"], "2027-01-15T08:00:00.250Z");
    assert_eq!(before[0]["last_refreshed_at"], Value::Null);
    assert_eq!(before[0]["expires_at"], "2027-02-14T08:00:01.000Z");
    let summary: Vec<_> = after.iter().map(|session| (&session["id"], session["current"].as_bool().unwrap())).collect();
    assert_eq!(summary, [(&json!(second), false), (&before[0]["id"], true)]);
    let mut names: Vec<_> = after[0].as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["created_at", "current", "expires_at", "id", "label", "last_refreshed_at"]);
    assert_eq!(sessions(&server, &other.refresh).await.len(), 1);
}

#[tokio::test]
async fn s03_the_listed_times_do_not_reveal_when_a_token_was_refreshed() {
    let server = Server::open().await;
    let mut tokens = server.anonymous_login().await;
    let times = async |refresh_token: &str| {
        let listed = sessions(&server, refresh_token).await;
        let exported = server.get("/me/export", refresh_token).await.json();
        for name in ["created_at", "last_refreshed_at", "expires_at"] {
            assert_eq!(exported["sessions"][0][name], listed[0][name]);
        }
        [listed[0]["last_refreshed_at"].clone(), listed[0]["expires_at"].clone()]
    };
    let fresh = times(&tokens.refresh).await;
    assert_eq!(fresh, [Value::Null, json!("2027-02-14T08:00:01.000Z")]);

    // Every seven minutes from 8:07 to 11:30, the times before and after a refresh are the same: they change with the clock and
    // not with the refresh, so that a holder of a stolen token cannot detect refreshes.
    for _ in 0..30 {
        server.clock.advance(7 * MINUTE);
        let before = times(&tokens.refresh).await;
        tokens = server.refresh(&tokens.refresh).await.tokens();
        assert_eq!(times(&tokens.refresh).await, before);
    }

    assert_eq!(times(&tokens.refresh).await, [json!("2027-01-15T10:00:00.000Z"), json!("2027-02-14T10:00:00.000Z")]);
}

#[tokio::test]
async fn s04_tokens_of_an_ended_session_are_refused_immediately() {
    let server = Server::open().await;
    let tokens = server.anonymous_login().await;
    let own = sessions(&server, &tokens.refresh).await[0]["id"].as_str().unwrap().to_owned();
    let second = second_session(&server, &own);

    assert_eq!(end(&server, &tokens.refresh, &second).await.status, 204);
    assert_eq!(sessions(&server, &tokens.refresh).await.len(), 1);
    assert_eq!(end(&server, &tokens.refresh, &own).await.status, 204);

    assert!(!server.accepts(&tokens.access).await);
    server.refresh(&tokens.refresh).await.assert_oauth_error("invalid_grant");
    let server = server.restart().await;
    assert!(!server.accepts(&tokens.access).await);
}

#[tokio::test]
async fn ending_a_session_that_is_not_an_active_one_of_the_caller_gets_404() {
    let server = Server::open().await;
    let (tokens, other) = (server.anonymous_login().await, server.anonymous_login().await);
    let own = sessions(&server, &tokens.refresh).await[0]["id"].as_str().unwrap().to_owned();
    let theirs = sessions(&server, &other.refresh).await[0]["id"].as_str().unwrap().to_owned();
    let second = second_session(&server, &own);
    end(&server, &tokens.refresh, &second).await;

    for id in [theirs.as_str(), &second, "0197f2f0-0000-7000-8000-0000000000ff", "x", "%27%20OR%201"] {
        end(&server, &tokens.refresh, id).await.assert_problem(404);
    }

    assert!(server.accepts(&other.access).await && server.accepts(&tokens.access).await);
    server.send(get("/me/sessions")).await.assert_problem(401);
}

#[tokio::test]
async fn an_expired_session_is_not_listed() {
    let server = Server::open().await;
    let tokens = server.anonymous_login().await;
    let own = sessions(&server, &tokens.refresh).await[0]["id"].as_str().unwrap().to_owned();
    second_session(&server, &own);
    server.clock.advance(20 * DAY);
    let refreshed = server.refresh(&tokens.refresh).await.tokens();
    server.clock.advance(11 * DAY);
    let again = server.refresh(&refreshed.refresh).await.tokens();

    let listed = sessions(&server, &again.refresh).await;

    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["current"], true);
}

#[tokio::test]
async fn s04_ending_the_other_sessions_keeps_the_one_that_asks() {
    let server = Server::open().await;
    let (visitor, other) = (devices(&server, 3).await, server.anonymous_login().await);
    let own = &visitor[1];
    let told = "SELECT count(*) FROM audit_entry WHERE event = 'session_ended' AND detail = 'ended_by_owner'";

    assert_eq!(end_others(&server, &own.refresh).await.status, 204);

    for ended in [&visitor[0], &visitor[2]] {
        assert!(!server.accepts(&ended.access).await);
        end_others(&server, &ended.refresh).await.assert_problem(401);
        server.refresh(&ended.refresh).await.assert_oauth_error("invalid_grant");
    }
    let left = sessions(&server, &own.refresh).await;
    assert_eq!((left.len(), &left[0]["current"]), (1, &json!(true)));
    assert_eq!(server.number(told), 2);
    assert_eq!(end_others(&server, &own.refresh).await.status, 204, "there are no others");
    assert_eq!(server.number(told), 2);
    assert_eq!(sessions(&server, &other.refresh).await.len(), 1);
    let server = server.restart().await;
    assert!(!server.accepts(&visitor[0].access).await);
    assert!(server.accepts(&other.access).await);
    assert_eq!(server.refresh(&own.refresh).await.status, 200);
}

#[tokio::test]
async fn devices_that_end_each_others_sessions_at_once_leave_one_of_them() {
    let server = Server::open().await;
    let visitor = devices(&server, 8).await;
    let remaining = std::cell::RefCell::new(visitor.iter());
    let request = || authorized("DELETE", "/me/sessions", &remaining.borrow_mut().next().unwrap().refresh, None);

    let mut statuses: Vec<_> =
        server.send_concurrently(8, request).await.iter().map(|response| response.status.as_u16()).collect();

    statuses.sort_unstable();
    assert_eq!(statuses, [204, 401, 401, 401, 401, 401, 401, 401]);
    assert_eq!(server.number("SELECT count(*) FROM session WHERE revoked_at IS NULL"), 1);
}

#[tokio::test]
async fn s18_other_sessions_are_not_ended_without_their_entries() {
    let server = Server::open().await;
    let visitor = devices(&server, 3).await;
    server.database().execute("ALTER TABLE audit_entry RENAME TO hidden_entry");

    assert_eq!(end_others(&server, &visitor[0].refresh).await.status, 503);

    assert_eq!(server.number("SELECT count(*) FROM session WHERE revoked_at IS NOT NULL"), 0);
    server.database().execute("ALTER TABLE hidden_entry RENAME TO audit_entry");
    assert_eq!(sessions(&server, &visitor[1].refresh).await.len(), 3);
}

#[tokio::test]
async fn a_session_has_a_label_from_the_header_of_its_login() {
    let server = Server::open().await;
    let long = format!("Firefox/{} Windows", "1".repeat(5000));
    for (user_agent, label) in [
        (None, Value::Null),
        (Some("curl/8.14.1"), json!("curl")),
        (Some("<script>alert(1)</script>"), json!("other")),
        (Some(long.as_str()), json!("Firefox")),
    ] {
        let login = anonymous_login(Some(json!({ "refresh": true })), None);
        let login = match user_agent {
            Some(text) => with_header(login, "user-agent", text),
            None => login,
        };
        let tokens = server.send(login).await.tokens();
        // The label is of the login, not of the last refresh.
        let tokens =
            server.send(with_header(crate::support::refresh(&tokens.refresh), "user-agent", "Wget/1")).await.tokens();

        assert_eq!(sessions(&server, &tokens.refresh).await[0]["label"], label);
        assert_eq!(server.get("/me/export", &tokens.refresh).await.json()["sessions"][0]["label"], label);
    }
}
