//! Invariant S7: which guests and sessions the sweep deletes, and which it keeps. Invariant S15: when it deletes nothing, and how
//! many guests it deletes at most.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use guestpass_server::{Clock, ClockDoubt, Config, Guestpass, SweepError, SystemClock, Timestamp};
use serde_json::json;

use crate::support::database::Database;
use crate::support::{DAY, MINUTE, Server, anonymous_login, refresh, send};

const HOUR: Duration = Duration::from_secs(60 * 60);

async fn server(change: impl FnOnce(&mut Config)) -> Server {
    Server::open_with(|config| {
        config.refresh_ttl = HOUR;
        config.guest_retention = DAY;
        config.session_retention = HOUR;
        change(config);
    })
    .await
}

/// Sweeps, and returns the numbers of remaining guests and sessions. It does not count deletions, because the server itself
/// also sweeps once a minute of real time.
async fn sweep_and_count(server: &Server) -> [i64; 2] {
    server.guestpass().sweep().await.unwrap();
    [GUESTS, SESSIONS].map(|query| server.number(query))
}

const GUESTS: &str = "SELECT count(*) FROM anonymous_user";
const SESSIONS: &str = "SELECT count(*) FROM session";
const ENTRIES: &str = "SELECT count(*) FROM entry";

#[tokio::test]
async fn s07_inactive_guests_are_deleted_with_all_their_data() {
    let server = server(|_| {}).await;
    let inactive = server.anonymous_login().await;
    let active = server.anonymous_login().await;
    for guest in [&inactive, &active] {
        server.call("PUT", "/me/cart/mug", &guest.access, json!({ "quantity": 1 })).await;
    }
    server.clock.advance(50 * MINUTE);
    server.refresh(&active.refresh).await.tokens();
    // The restart writes the last activity.
    let server = server.restart().await;

    server.clock.advance(DAY - 50 * MINUTE);
    assert_eq!(sweep_and_count(&server).await[0], 2, "no guest has been inactive for a day");
    server.clock.advance(MINUTE);
    assert_eq!(sweep_and_count(&server).await[0], 1, "only the inactive guest is deleted");

    let active = format!("SELECT count(*) FROM anonymous_user WHERE id = '{}'", &active.id["anonymous_".len()..]);
    assert_eq!(server.number(&active), 1);
    assert_eq!(server.number(ENTRIES), 1);
    server.clock.advance(50 * MINUTE);
    assert_eq!(sweep_and_count(&server).await, [0, 0]);
    assert_eq!(server.number(ENTRIES), 0);
}

/// The last refresh is the last activity while the session is kept, and after the sweep has deleted it.
#[tokio::test]
async fn s07_a_guest_is_kept_for_its_time_after_the_last_refresh() {
    for session_retention in [Duration::ZERO, 30 * DAY] {
        let server = server(|config| config.session_retention = session_retention).await;
        let guest = server.anonymous_login().await;
        server.clock.advance(50 * MINUTE);
        let last = server.refresh(&guest.refresh).await.tokens();
        server.revoke(&last.refresh).await;

        server.clock.advance(DAY);
        let sessions = i64::from(session_retention > Duration::ZERO);
        assert_eq!(sweep_and_count(&server).await, [1, sessions], "a day ago is not before a day ago");
        let a_day_ago = server.clock.now() - DAY;
        assert_eq!(server.last_active_at(&guest).await, a_day_ago.as_millis());
        server.clock.advance(MINUTE);
        assert_eq!(sweep_and_count(&server).await[0], 0);
    }
}

#[tokio::test]
async fn s07_a_refresh_under_a_clock_that_is_behind_does_not_move_the_last_activity_back() {
    let server = server(|config| config.refresh_ttl = 30 * DAY).await;
    let guest = server.anonymous_login().await;
    server.clock.advance(10 * DAY);
    let tokens = server.refresh(&guest.refresh).await.tokens();
    let active_at = server.clock.now().as_millis();

    server.clock.set_back(9 * DAY);
    let tokens = server.refresh(&tokens.refresh).await.tokens();

    assert_eq!(server.last_active_at(&guest).await, active_at);
    // The next refresh finds the earlier time in the session.
    server.clock.advance(DAY);
    server.refresh(&tokens.refresh).await.tokens();
    assert_eq!(server.last_active_at(&guest).await, active_at);
}

#[tokio::test]
async fn s07_a_guest_with_an_active_session_is_never_deleted() {
    let server = server(|config| {
        config.refresh_ttl = 30 * DAY;
        config.guest_retention = MINUTE;
        config.session_retention = Duration::ZERO;
    })
    .await;
    let guest = server.anonymous_login().await;
    let simple = server.send(anonymous_login(None, None)).await.json()["access_token"].as_str().unwrap().to_owned();

    server.clock.advance(30 * DAY - MINUTE);
    assert_eq!(sweep_and_count(&server).await, [2, 2]);

    assert!(server.accepts(&simple).await);
    assert_eq!(server.refresh(&guest.refresh).await.tokens().id, guest.id);
    server.clock.advance(2 * MINUTE);
    assert_eq!(sweep_and_count(&server).await, [1, 1], "the session of the long-lived token has expired");
}

#[tokio::test]
async fn s07_a_revocation_is_kept_until_its_access_tokens_have_expired() {
    let server = server(|config| {
        config.guest_retention = MINUTE;
        config.session_retention = Duration::ZERO;
    })
    .await;
    let guest = server.anonymous_login().await;
    server.revoke(&guest.access).await;

    server.clock.advance(14 * MINUTE);
    assert_eq!(sweep_and_count(&server).await, [1, 1]);
    let server = server.restart().await;
    assert!(!server.accepts(&guest.access).await, "the sweep deleted the revocation too early");

    server.clock.advance(2 * MINUTE);
    assert_eq!(sweep_and_count(&server).await[1], 0);
}

#[tokio::test]
async fn s07_expired_sessions_are_deleted_before_their_guests() {
    let server = server(|_| {}).await;
    server.anonymous_login().await;

    server.clock.advance(2 * HOUR - MINUTE);
    assert_eq!(sweep_and_count(&server).await, [1, 1]);
    server.clock.advance(2 * MINUTE);

    assert_eq!(sweep_and_count(&server).await, [1, 0]);
}

#[tokio::test]
async fn s07_one_sweep_deletes_more_than_one_batch() {
    let server = server(|config| config.sweep_limit = 100).await;
    for _ in 0..21 {
        server.send_concurrently(100, || anonymous_login(Some(json!({ "refresh": true })), None)).await;
    }
    server.clock.advance(2 * DAY);
    let new = server.anonymous_login().await;

    assert_eq!(sweep_and_count(&server).await, [1, 1]);
    assert!(server.accepts(&new.access).await);
}

/// The clock of this machine, set forward by so many milliseconds.
#[derive(Debug, Default)]
struct SetClock(AtomicI64);

impl SetClock {
    fn set_forward(&self, by: Duration) {
        self.0.store(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }

    fn set_back(&self, by: Duration) {
        self.0.store(-i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(SystemClock.now().as_millis() + self.0.load(Ordering::SeqCst))
    }

    fn steady(&self) -> Option<Duration> {
        SystemClock.steady()
    }
}

async fn open(database: &Database, clock: Arc<SetClock>) -> Guestpass {
    Guestpass::open_at(Config { store: database.location(), ..Config::default() }, clock).await.unwrap()
}

const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Makes the oldest guest inactive since 1970.
const FORGET_ONE: &str = "
    UPDATE anonymous_user SET last_active_at = 1 WHERE id = (SELECT id FROM anonymous_user ORDER BY id LIMIT 1);
    UPDATE session SET created_at = 1, access_expires_at = 1, expires_at = 1
    WHERE user_id = (SELECT id FROM anonymous_user ORDER BY id LIMIT 1);
";

#[tokio::test]
async fn s15_a_server_whose_clock_is_set_a_year_ahead_removes_no_guest() {
    let database = Database::new();
    let clock = Arc::new(SetClock::default());
    let guestpass = open(&database, clock.clone()).await;
    for _ in 0..21 {
        let login = send(guestpass.router(), anonymous_login(Some(json!({ "refresh": true })), None)).await;
        assert_eq!(login.status, 200, "{login:?}");
    }

    clock.set_forward(YEAR);
    let swept = guestpass.sweep().await;

    let in_doubt = |error: &SweepError| match error {
        // With PostgreSQL, its clock is compared first.
        SweepError::Clock(ClockDoubt::SetForward(by) | ClockDoubt::DiffersFromDatabase(by)) => *by > YEAR - DAY,
        _ => false,
    };
    assert!(swept.as_ref().is_err_and(in_doubt), "{swept:?}");
    assert_eq!(database.number(GUESTS), 21);
    // A guest that arrives meanwhile does not make the time credible.
    send(guestpass.router(), anonymous_login(None, None)).await;
    assert!(guestpass.sweep().await.is_err());
    assert_eq!(database.number(GUESTS), 22);

    clock.set_forward(Duration::ZERO);
    database.execute(FORGET_ONE);
    assert_eq!(guestpass.sweep().await.unwrap().guests, 1, "a sweep with the right time works");
    assert_eq!(database.number(GUESTS), 21);
}

#[tokio::test]
async fn s15_a_wrong_clock_loses_no_session() {
    let database = Database::new();
    let clock = Arc::new(SetClock::default());
    let guestpass = open(&database, clock.clone()).await;
    let login = send(guestpass.router(), anonymous_login(Some(json!({ "refresh": true })), None)).await;
    let token = login.tokens().refresh;
    let refresh = async |token: &str| send(guestpass.router(), refresh(token)).await;

    clock.set_forward(YEAR);
    let response = refresh(&token).await;
    response.assert_problem(503);

    clock.set_back(YEAR);
    let refreshed = refresh(&token).await;
    assert_eq!(refreshed.status, 200, "{refreshed:?}");

    clock.set_forward(Duration::ZERO);
    let response = refresh(&refreshed.tokens().refresh).await;
    assert_eq!(response.status, 200, "the clock that was behind has shortened the session: {response:?}");
}

#[tokio::test]
async fn s15_a_server_that_starts_long_after_the_last_activity_waits_for_an_operator() {
    let database = Database::new();
    let clock = Arc::new(SetClock::default());
    let guestpass = open(&database, clock.clone()).await;
    send(guestpass.router(), anonymous_login(None, None)).await;
    guestpass.close().await.unwrap();
    let two_days = 2 * DAY.as_millis();
    database.execute(&format!("{FORGET_ONE} UPDATE heartbeat SET at = at - {two_days}"));

    let guestpass = open(&database, clock).await;
    let swept = guestpass.sweep().await;
    assert!(matches!(swept, Err(SweepError::Clock(ClockDoubt::AheadOfHeartbeat(by))) if by > DAY), "{swept:?}");
    assert_eq!(database.number(GUESTS), 1);

    guestpass.confirm_clock().await.unwrap();
    assert_eq!(guestpass.sweep().await.unwrap().guests, 1);
}

/// Adds guests without a session who were last active in 1970.
fn add_inactive_guests(server: &Server, count: u32) {
    let mut guests = String::new();
    for number in 1..=count {
        let separator = if number == 1 { "" } else { ", " };
        write!(guests, "{separator}('00000000-0000-4000-8000-{number:012}', 1, 1)").unwrap();
    }
    server.database().execute(&format!("INSERT INTO anonymous_user (id, created_at, last_active_at) VALUES {guests}"));
}

#[tokio::test]
async fn s15_the_sweeps_of_a_day_remove_a_limited_share_of_the_guests() {
    let server = server(|_| {}).await;
    add_inactive_guests(&server, 1500);

    let swept = server.guestpass().sweep().await.unwrap();
    assert!(swept.limited, "{swept:?}");
    assert_eq!(server.number(GUESTS), 1350, "ten percent");
    // Also after a restart, which counts the guests again.
    let server = server.restart().await;
    assert_eq!(sweep_and_count(&server).await[0], 1350);
    server.clock.advance(DAY);
    assert_eq!(sweep_and_count(&server).await[0], 1215);

    let server = server.restart_with(|config| config.sweep_limit = 100).await;
    assert!(!server.guestpass().sweep().await.unwrap().limited);
    assert_eq!(server.number(GUESTS), 0);
}

#[tokio::test]
async fn s15_a_hundred_guests_a_day_may_be_removed_from_a_small_store() {
    let server = server(|_| {}).await;
    add_inactive_guests(&server, 101);

    assert!(server.guestpass().sweep().await.unwrap().limited);

    assert_eq!(server.number(GUESTS), 1);
}
