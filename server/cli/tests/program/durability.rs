//! S5: acknowledged changes survive `kill -9`, a hundred times, at random moments under load.
//!
//! `GUESTPASS_TEST_KILLS` is another number of kills; `GUESTPASS_TEST_SEED` is the seed of a failed run, to repeat its
//! schedule.

#[path = "durability/visitor.rs"]
mod visitor;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fastrand::Rng;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use self::visitor::{Api, Visitor};
use crate::STORE;
use crate::support::database::{Database, Kind};
use crate::support::postgres::Postgres;
use crate::support::process::Process;

const KILLS: usize = 100;
const VISITORS: usize = 16;
/// The most responses before a kill: some kills come while the visitors check the effects of the last kill, some later.
const MAX_RESPONSES: usize = 160;
/// The longest delay after that, so that the kill comes at any moment of a commit.
const MAX_DELAY: Duration = Duration::from_millis(4);
/// On average, one of this number of servers is killed while it starts, when it recovers from the kill before.
const KILLED_AT_START: usize = 6;
/// The longest delay of such a kill; a start takes less time.
const START: Duration = Duration::from_millis(60);
/// On average, PostgreSQL is killed with one of this number of servers.
const KILLED_WITH_DATABASE: usize = 10;

#[tokio::test(flavor = "multi_thread")]
async fn s05_acknowledged_logins_rotations_and_changes_of_data_survive_a_hundred_kills() {
    let mut environment = Environment::new();

    let logins = kill_repeatedly(&mut environment).await;

    // Each login without a response was repeated with its key: no guest is lost, and none is created twice.
    environment.check(logins);
}

/// A database that outlives the servers on it.
struct Environment {
    database: Database,
    postgres: Option<Postgres>,
}

impl Environment {
    fn new() -> Self {
        match STORE {
            Kind::Sqlite => Self { database: Database::new(), postgres: None },
            Kind::Postgres => {
                let postgres = Postgres::start(&["fsync=on", "full_page_writes=on"]);
                Self { database: Database::Postgres(postgres.database()), postgres: Some(postgres) }
            }
        }
    }

    fn store(&self) -> String {
        self.database.store()
    }

    fn check(&self, logins: usize) {
        if matches!(STORE, Kind::Sqlite) {
            assert_eq!(self.database.text("PRAGMA integrity_check"), "ok");
            assert_eq!(self.database.number("SELECT count(*) FROM pragma_foreign_key_check"), 0);
        }
        for table in ["anonymous_user", "session", "login_key"] {
            let rows = self.database.number(&format!("SELECT count(*) FROM {table}"));
            assert_eq!(rows, i64::try_from(logins).unwrap(), "{table}");
        }
    }
}

/// Kills one server after another under the load of the visitors. Returns the number of guests that the visitors have created.
async fn kill_repeatedly(environment: &mut Environment) -> usize {
    let seed = setting("GUESTPASS_TEST_SEED").unwrap_or_else(|| fastrand::u64(..));
    let kills = setting("GUESTPASS_TEST_KILLS").map_or(KILLS, |kills| usize::try_from(kills).unwrap());
    // Shown if the test fails. It determines the schedule and the choices of the visitors, but not the order of the threads.
    println!("GUESTPASS_TEST_SEED={seed}");
    let mut random = Rng::with_seed(seed);
    let mut visitors: Vec<_> = (0..VISITORS).map(|_| Visitor::new(random.fork())).collect();

    for _ in 0..kills {
        if random.usize(..KILLED_AT_START) == 0 {
            Process::kill_while_starting(&environment.store(), random_duration(&mut random, START));
        }
        let server = Process::start_on(&environment.store());
        let kill_time =
            KillTime { responses: random.usize(..MAX_RESPONSES), delay: random_duration(&mut random, MAX_DELAY) };
        let database = environment.postgres.as_mut().filter(|_| random.usize(..KILLED_WITH_DATABASE) == 0);
        visitors = run_until_killed(visitors, server, kill_time, database).await;
    }

    let server = Process::start_on(&environment.store());
    let mut logins = 0;
    for visitor in &mut visitors {
        visitor.finish(&Api::of(&server)).await.unwrap();
        logins += visitor.logins();
    }
    server.terminate();
    assert_eq!(server.wait().0, Some(0));
    assert!(logins > VISITORS, "the visitors have created too few guests");
    logins
}

/// When a server is killed: `delay` after a number of responses.
struct KillTime {
    responses: usize,
    delay: Duration,
}

/// Kills the server, and the `database` before it if there is one.
async fn run_until_killed(
    visitors: Vec<Visitor>,
    server: Process,
    kill_time: KillTime,
    mut database: Option<&mut Postgres>,
) -> Vec<Visitor> {
    let responses = Arc::new(AtomicUsize::new(0));
    let limit_reached = Arc::new(Notify::new());
    let mut tasks = JoinSet::new();
    for mut visitor in visitors {
        let (api, responses, limit_reached) = (Api::of(&server), responses.clone(), limit_reached.clone());
        tasks.spawn(async move {
            // Ends with the server: a request without a response has acknowledged nothing.
            while visitor.step(&api).await.is_some() {
                if responses.fetch_add(1, Ordering::SeqCst) == kill_time.responses {
                    limit_reached.notify_one();
                }
            }
            visitor
        });
    }

    tokio::select! {
        () = limit_reached.notified() => tokio::time::sleep(kill_time.delay).await,
        ended = tasks.join_next() => panic!("a visitor stopped before the server: {:?}", ended.map(|ended| ended.map(drop))),
    }
    if let Some(database) = &mut database {
        database.crash();
    }
    server.kill();
    let visitors = tasks.join_all().await;
    if let Some(database) = database {
        database.start_again();
    }
    visitors
}

fn random_duration(random: &mut Rng, most: Duration) -> Duration {
    most.mul_f64(random.f64())
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap_or_else(|_| panic!("{name} must be a number")))
}
