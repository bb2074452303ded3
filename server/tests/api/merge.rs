//! Property tests of the merge: for random data of an account and of some guests, and for sequential, repeated and concurrent
//! logins in any order, the account ends with the data that the merge rules define.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use axum::body::Body;
use axum::http::Request;
use proptest::collection::{btree_map, vec};
use proptest::prelude::{Just, Strategy, any};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use serde_json::json;

use crate::STORE;
use crate::support::database::{Database, Kind};
use crate::support::membership::{PASSWORD, credentials, uuid_of};
use crate::support::{Server, Tokens, authorized, with_header};

/// The data of a guest or an account: item to quantity, item to the time of its addition, item to the time of its last view,
/// and preference to value. Times are in milliseconds since 1970.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Data {
    cart: BTreeMap<i64, i64>,
    favorites: BTreeMap<i64, i64>,
    history: BTreeMap<i64, i64>,
    preferences: BTreeMap<String, i64>,
}

/// An account, guests, and the order of their logins as indexes of `guests`. A guest can log in more than once: a retry of the
/// first login, with the same idempotency key.
#[derive(Debug, Clone)]
struct Case {
    account: Data,
    guests: Vec<Data>,
    logins: Vec<usize>,
}

fn data() -> impl Strategy<Value = Data> {
    let items = || 1_i64..=6;
    let times = || 1_i64..1000;
    let keys = proptest::sample::select(vec!["currency", "language", "size", "theme"]).prop_map(str::to_owned);
    (
        btree_map(items(), 1_i64..=99, 0..5),
        btree_map(items(), times(), 0..5),
        btree_map(items(), times(), 0..5),
        btree_map(keys, 0_i64..5, 0..4),
    )
        .prop_map(|(cart, favorites, history, preferences)| Data { cart, favorites, history, preferences })
}

fn case() -> impl Strategy<Value = Case> {
    (data(), vec(data(), 1..=3)).prop_flat_map(|(account, guests)| {
        let each_once = (0..guests.len()).collect::<Vec<_>>();
        let again = vec(0..guests.len(), 0..=3);
        (Just(account), Just(guests), Just(each_once), again).prop_flat_map(|(account, guests, mut logins, again)| {
            logins.extend(again);
            (Just(account), Just(guests), Just(logins).prop_shuffle()).prop_map(|(account, guests, logins)| Case {
                account,
                guests,
                logins,
            })
        })
    })
}

/// The data of the account after all merges, without its preferences, which `check_preferences` checks.
fn expected(case: &Case) -> Data {
    let mut all = case.account.clone();
    for guest in &case.guests {
        for (item, quantity) in &guest.cart {
            let sum = all.cart.entry(*item).or_default();
            *sum = (*sum + quantity).min(99);
        }
        for (item, added_at) in &guest.favorites {
            let first = all.favorites.entry(*item).or_insert(*added_at);
            *first = (*first).min(*added_at);
        }
        for (item, viewed_at) in &guest.history {
            let last = all.history.entry(*item).or_insert(*viewed_at);
            *last = (*last).max(*viewed_at);
        }
    }
    all
}

/// Checks that the account keeps its own preferences, and that each other preference has the value of one of the guests: the
/// first one to be merged, which can be any of them if logins are concurrent.
fn check_preferences(case: &Case, found: &BTreeMap<String, i64>) -> Result<(), TestCaseError> {
    let sides = || std::iter::once(&case.account).chain(&case.guests);
    for side in sides() {
        for key in side.preferences.keys() {
            let Some(value) = found.get(key) else { return Err(TestCaseError::fail(format!("{key} is lost"))) };
            let allowed = match case.account.preferences.get(key) {
                Some(own) => value == own,
                None => case.guests.iter().any(|guest| guest.preferences.get(key) == Some(value)),
            };
            if !allowed {
                return Err(TestCaseError::fail(format!("{key} is {value}")));
            }
        }
    }
    match found.keys().find(|key| !sides().any(|side| side.preferences.contains_key(*key))) {
        Some(key) => Err(TestCaseError::fail(format!("{key} is a preference of neither the account nor a guest"))),
        None => Ok(()),
    }
}

/// Stores `data` for the guest `id`.
fn insert(database: &Database, id: &str, data: &Data) {
    let user = uuid_of(id);
    let mut statements = String::new();
    for (item, quantity) in &data.cart {
        statements += &format!("INSERT INTO cart_item VALUES ('{user}', {item}, {quantity}, 1);");
    }
    for (item, added_at) in &data.favorites {
        statements += &format!("INSERT INTO favorite_item VALUES ('{user}', {item}, {added_at});");
    }
    for (item, viewed_at) in &data.history {
        statements += &format!("INSERT INTO history_item VALUES ('{user}', {item}, {viewed_at});");
    }
    if !data.preferences.is_empty() {
        statements += &format!("INSERT INTO preferences VALUES ('{user}', '{}');", json!(data.preferences));
    }
    database.execute(&statements);
}

/// Stores an idempotency key of an addition to the cart for each time in `times`.
fn insert_keys(database: &Database, id: &str, times: RangeInclusive<i64>) {
    let user = uuid_of(id);
    let bytes = match STORE {
        Kind::Sqlite => "X'",
        Kind::Postgres => "'\\x",
    };
    let keys = times.map(|at| format!("('{user}', {bytes}{at:064x}', {bytes}00', {at})")).collect::<Vec<_>>();
    database.execute(&format!("INSERT INTO cart_key (user_id, hash, request, created_at) VALUES {}", keys.join(",")));
}

/// The stored data of the guest or account `id`.
fn read(database: &Database, id: &str) -> Data {
    let user = uuid_of(id);
    let rows = |columns: &str, table: &str| {
        // Lists rows as `item=number,…` in both databases.
        let list = match STORE {
            Kind::Sqlite => format!("group_concat({columns}, ',')"),
            Kind::Postgres => format!("string_agg({columns}, ',')"),
        };
        let query = format!("SELECT coalesce({list}, '') FROM {table} WHERE user_id = '{user}'");
        let text = database.text(&query);
        let pair = |row: &str| {
            let (item, number) = row.split_once('=').unwrap();
            (item.parse().unwrap(), number.parse().unwrap())
        };
        text.split(',').filter(|row| !row.is_empty()).map(pair).collect::<BTreeMap<i64, i64>>()
    };
    let preferences =
        database.text(&format!("SELECT coalesce((SELECT data FROM preferences WHERE user_id = '{user}'), '{{}}')"));
    Data {
        cart: rows("item_id || '=' || quantity", "cart_item"),
        favorites: rows("item_id || '=' || added_at", "favorite_item"),
        history: rows("item_id || '=' || viewed_at", "history_item"),
        preferences: serde_json::from_str(&preferences).unwrap(),
    }
}

/// Creates the account and the guests of a case, with their data.
async fn prepare(server: &Server, case: &Case, email: &str) -> (Tokens, Vec<Tokens>) {
    let account = server.anonymous_login().await;
    insert(server.database(), &account.id, &case.account);
    let response = server.call("POST", "/register", &account.refresh, credentials(email, PASSWORD)).await;
    assert_eq!(response.status, 200, "{response:?}");
    let account = response.tokens();
    let mut guests = Vec::new();
    for data in &case.guests {
        let guest = server.anonymous_login().await;
        insert(server.database(), &guest.id, data);
        guests.push(guest);
    }
    (account, guests)
}

/// The login of a guest, with an idempotency key that the guest always uses.
fn log_in(guest: &Tokens, email: &str) -> Request<Body> {
    let request = authorized("POST", "/login", &guest.refresh, Some(credentials(email, PASSWORD)));
    with_header(request, "idempotency-key", uuid_of(&guest.id))
}

/// Checks that the account has the expected data, and the guests have none.
async fn check(server: &Server, case: &Case, account: &Tokens, guests: &[Tokens]) -> Result<(), TestCaseError> {
    let mut found = read(server.database(), &account.id);
    let mut expected = expected(case);
    check_preferences(case, &found.preferences)?;
    (found.preferences, expected.preferences) = Default::default();
    if found != expected {
        return Err(TestCaseError::fail(format!("found {found:?}\nexpected {expected:?}")));
    }
    for guest in guests {
        if read(server.database(), &guest.id) != Data::default() {
            return Err(TestCaseError::fail("the guest still has data"));
        }
    }
    Ok(())
}

/// Checks a property for random cases. Prints the seed; `GUESTPASS_TEST_SEED` repeats a run with its seed.
fn check_property(cases: u32, property: impl AsyncFn(&Server, Case, String) -> Result<(), TestCaseError>) {
    let seed =
        std::env::var("GUESTPASS_TEST_SEED").ok().map_or_else(|| fastrand::u64(..), |seed| seed.parse().unwrap());
    println!("GUESTPASS_TEST_SEED={seed}");
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config { cases, max_shrink_iters: 30, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let server = runtime.block_on(Server::open());
    let strategy = (case(), any::<u64>());
    let ran = runner.run(&strategy, |(case, number)| {
        // Shrinking runs a case more than once on the same server, so that each run needs another email address.
        let email = format!("{number}.{}@example.com", fastrand::u64(..));
        runtime.block_on(property(&server, case, email))
    });
    ran.unwrap();
}

#[test]
fn s08_sequential_merges_lose_and_duplicate_nothing() {
    check_property(12, async |server, case, email| {
        let (account, guests) = prepare(server, &case, &email).await;

        for &guest in &case.logins {
            let response = server.send(log_in(&guests[guest], &email)).await;
            assert_eq!(response.status, 200, "{response:?}");
        }

        check(server, &case, &account, &guests).await
    });
}

#[test]
fn s08_concurrent_merges_give_the_same_result_in_any_order() {
    check_property(12, async |server, case, email| {
        let (account, guests) = prepare(server, &case, &email).await;

        let requests = case.logins.iter().map(|&guest| log_in(&guests[guest], &email));
        let requests = std::sync::Mutex::new(requests.collect::<Vec<_>>());
        let responses = server.send_concurrently(case.logins.len(), || requests.lock().unwrap().pop().unwrap()).await;

        for response in responses {
            assert_eq!(response.status, 200, "{response:?}");
        }
        check(server, &case, &account, &guests).await
    });
}

#[tokio::test]
async fn s08_a_merge_respects_the_limit_of_each_collection() {
    let server = Server::open().await;
    let items: Vec<_> = (1001..1150).map(|id| format!("({id}, 'Item', '', 1, 'EUR', '', '')")).collect();
    let items = items.join(",");
    server.database().execute(&format!(
        "INSERT INTO item (id, name, description, price_cents, currency, emoji, category) VALUES {items}"
    ));
    // The account has viewed the even items, the guest the first hundred, later than the account.
    let account = Data {
        cart: [(1, 60)].into(),
        history: (1001..1150).filter(|id| id % 2 == 0).map(|id| (id, id)).collect(),
        ..Data::default()
    };
    let guest = Data {
        cart: [(1, 60), (2, 99)].into(),
        history: (1001..1101).map(|id| (id, id + 1000)).collect(),
        ..Data::default()
    };
    let case = Case { account, guests: vec![guest], logins: vec![0] };
    let (account, guests) = prepare(&server, &case, "ada@example.com").await;
    insert_keys(server.database(), &account.id, 1..=300);
    insert_keys(server.database(), &guests[0].id, 1001..=1300);

    let response = server.call("POST", "/login", &guests[0].refresh, credentials("ada@example.com", PASSWORD)).await;

    assert_eq!(response.status, 200, "{response:?}");
    let merged = read(server.database(), &account.id);
    assert_eq!(merged.cart, [(1, 99), (2, 99)].into());
    assert_eq!(merged.history, case.guests[0].history, "the newest 100 views");
    let keys = ["count(*)", "min(created_at)", "max(created_at)"].map(|column| {
        server.number(&format!("SELECT {column} FROM cart_key WHERE user_id = '{}'", uuid_of(&account.id)))
    });
    assert_eq!(keys, [500, 101, 1300], "the newest 500 keys");
}

/// Fails if a table with guest data is added: decide what a merge does with its rows, then add it to a list of this test.
#[tokio::test]
async fn s08_the_merge_considers_every_table_with_guest_data() {
    let server = Server::open().await;
    let moved = ["cart_item", "cart_key", "favorite_item", "history_item", "preferences", "session"];
    let dropped = ["ceremony"];
    let of_accounts_only = ["account", "known_network", "linked_identity", "passkey"];

    let mut tables: Vec<_> = [&moved[..], &dropped, &of_accounts_only].concat();
    tables.sort_unstable();

    assert_eq!(server.database().tables_with("user_id"), tables);
}
