//! Property tests of the merge: for random data of an account and of some guests, and for sequential, repeated and concurrent
//! logins in any order, the account ends with the data that the merge rules define.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use axum::body::Body;
use axum::http::Request;
use proptest::collection::{btree_map, vec};
use proptest::prelude::{Just, Strategy, any};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use serde_json::{Value, json};

use crate::STORE;
use crate::support::database::{Database, Kind};
use crate::support::membership::{PASSWORD, credentials, uuid_of};
use crate::support::{Server, Tokens, authorized, declare, with_header};

/// The collections of the cases: those of the default declarations, one with another rule, and one that is not declared.
const COLLECTIONS: [&str; 6] = ["cart", "favorites", "history", "preferences", "scores", "undeclared"];

const DECLARATIONS: &str = "[collections.scores]\nmerge = { points = \"max\" }";

/// The entries of a guest or an account, by collection and key.
type Data = BTreeMap<(String, String), Stored>;

/// An entry. Times are in milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stored {
    value: Value,
    created_at: i64,
    updated_at: i64,
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
    let name = (0..COLLECTIONS.len()).prop_map(|index| COLLECTIONS[index].to_owned());
    let key = proptest::sample::select(vec!["mug", "/a?b", "Größe", "__proto__"]).prop_map(str::to_owned);
    let stored = (1_i64..=99, 1_i64..1000, 0_i64..3).prop_map(|(number, created_at, changed)| Stored {
        value: number.into(),
        created_at,
        // Often equal times, so that the order of logins could matter.
        updated_at: 1000 + changed,
    });
    btree_map((name, key), stored, 0..16).prop_map(|mut data: Data| {
        for ((collection, _), stored) in &mut data {
            let number = stored.value.take();
            stored.value = match collection.as_str() {
                "cart" => json!({ "quantity": number }),
                "scores" => json!({ "points": number }),
                "favorites" | "history" => json!({}),
                _ => number,
            };
        }
        data
    })
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

/// The data of the account after all merges. Of the preferences that only guests have, any guest's value is right, because the
/// order of concurrent logins is open; `check_preferences` checks them.
fn expected(case: &Case) -> Data {
    let mut all = case.account.clone();
    for guest in &case.guests {
        for (name, theirs) in guest {
            match all.get_mut(name) {
                None => drop(all.insert(name.clone(), theirs.clone())),
                Some(own) => {
                    own.value = merged_value(&name.0, own, theirs);
                    own.created_at = own.created_at.min(theirs.created_at);
                    own.updated_at = own.updated_at.max(theirs.updated_at);
                }
            }
        }
    }
    all
}

fn merged_value(collection: &str, own: &Stored, theirs: &Stored) -> Value {
    let number = |value: &Value| value.as_i64().unwrap();
    match collection {
        "cart" => {
            let quantity = |stored: &Stored| number(&stored.value["quantity"]);
            json!({ "quantity": (quantity(own) + quantity(theirs)).min(99) })
        }
        "favorites" | "history" => json!({}),
        "preferences" => own.value.clone(),
        "scores" => {
            let points = |stored: &Stored| number(&stored.value["points"]);
            json!({ "points": points(own).max(points(theirs)) })
        }
        // The newest; of two with the same time, the greater value.
        _ => {
            let order = |stored: &Stored| (stored.updated_at, number(&stored.value));
            if order(theirs) > order(own) { theirs.value.clone() } else { own.value.clone() }
        }
    }
}

/// Checks the preferences that only guests have, and replaces their expected values by the found ones.
fn check_preferences(case: &Case, expected: &mut Data, found: &Data) -> Result<(), TestCaseError> {
    for (name, stored) in expected {
        if name.0 != "preferences" || case.account.contains_key(name) {
            continue;
        }
        let value = found.get(name).map(|stored| &stored.value);
        let is_of_guest = case.guests.iter().any(|guest| guest.get(name).map(|stored| &stored.value) == value);
        match value.filter(|_| is_of_guest) {
            Some(value) => stored.value = value.clone(),
            None => return Err(TestCaseError::fail(format!("{name:?} is {value:?}"))),
        }
    }
    Ok(())
}

/// Stores `data` for the guest `id`.
fn insert(database: &Database, id: &str, data: &Data) {
    let user = uuid_of(id);
    let row = |((collection, key), Stored { value, created_at, updated_at }): (&(String, String), &Stored)| {
        format!("('{user}', '{collection}', '{key}', {created_at}, {updated_at}, '{value}')")
    };
    if !data.is_empty() {
        let rows = data.iter().map(row).collect::<Vec<_>>().join(", ");
        database.execute(&format!(
            "INSERT INTO entry (user_id, collection, key, created_at, updated_at, value) VALUES {rows}"
        ));
    }
}

/// Stores an idempotency key of an addition for each time in `times`.
fn insert_keys(database: &Database, id: &str, times: RangeInclusive<i64>) {
    let user = uuid_of(id);
    let bytes = match STORE {
        Kind::Sqlite => "X'",
        Kind::Postgres => "'\\x",
    };
    let keys = times.map(|at| format!("('{user}', {bytes}{at:064x}', {bytes}00', {at})")).collect::<Vec<_>>();
    database
        .execute(&format!("INSERT INTO addition_key (user_id, hash, request, created_at) VALUES {}", keys.join(",")));
}

/// The stored data of the guest or account `id`.
fn read(database: &Database, id: &str) -> Data {
    let list = match STORE {
        Kind::Sqlite => "group_concat",
        Kind::Postgres => "string_agg",
    };
    let text = database.text(&format!(
        "SELECT coalesce({list}(collection || ' ' || key || ' ' || created_at || ' ' || updated_at || ' ' || value, '\n'), '')
         FROM entry WHERE user_id = '{}'",
        uuid_of(id)
    ));
    let entry = |line: &str| {
        let mut parts = line.splitn(5, ' ');
        let mut next = || parts.next().unwrap();
        let name = (next().to_owned(), next().to_owned());
        let (created_at, updated_at) = (next().parse().unwrap(), next().parse().unwrap());
        (name, Stored { value: serde_json::from_str(next()).unwrap(), created_at, updated_at })
    };
    text.lines().map(entry).collect()
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
    let (mut expected, found) = (expected(case), read(server.database(), &account.id));
    check_preferences(case, &mut expected, &found)?;
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
    let server = runtime.block_on(Server::open_with(|config| declare(config, DECLARATIONS)));
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

/// Entries with the keys 1001 and so on, in the collection, each changed at a time that `updated_at` tells.
fn entries(collection: &str, keys: RangeInclusive<i64>, updated_at: impl Fn(i64) -> i64) -> Data {
    let entry = |key: i64| {
        let stored = Stored { value: json!({ "quantity": 60 }), created_at: 1, updated_at: updated_at(key) };
        ((collection.to_owned(), key.to_string()), stored)
    };
    keys.map(entry).collect()
}

#[tokio::test]
async fn s08_a_merge_respects_the_limit_of_each_collection() {
    let server = Server::open().await;
    // The guest has viewed a hundred items, later than the account.
    let mut account = entries("history", 1050..=1149, |key| key);
    account.extend(entries("cart", 1001..=1080, |key| key));
    account.extend(entries("old", 1001..=1300, |key| key));
    let mut guest = entries("history", 1001..=1100, |key| key + 1000);
    let newest = guest.clone();
    guest.extend(entries("cart", 1080..=1160, |key| key));
    guest.extend(entries("old", 1300..=1700, |key| key));
    let case = Case { account, guests: vec![guest], logins: vec![0] };
    let (account, guests) = prepare(&server, &case, "ada@example.com").await;
    insert_keys(server.database(), &account.id, 1..=300);
    insert_keys(server.database(), &guests[0].id, 1001..=1300);

    let response = server.call("POST", "/login", &guests[0].refresh, credentials("ada@example.com", PASSWORD)).await;

    assert_eq!(response.status, 200, "{response:?}");
    let merged = read(server.database(), &account.id);
    let of =
        |collection: &str| -> Data { merged.clone().into_iter().filter(|((name, _), _)| name == collection).collect() };
    assert_eq!(of("history").into_keys().collect::<Vec<_>>(), newest.into_keys().collect::<Vec<_>>(), "the newest 100");
    assert_eq!(of("cart").len(), 160, "a collection that refuses loses nothing, and has more than its limit");
    let quantities: Vec<_> =
        of("cart").into_values().map(|stored| stored.value["quantity"].as_i64().unwrap()).collect();
    assert_eq!(quantities.iter().filter(|quantity| **quantity == 99).count(), 1);
    assert_eq!(of("old").len(), 700, "a collection that is not declared has no limit");
    let keys = ["count(*)", "min(created_at)", "max(created_at)"].map(|column| {
        server.number(&format!("SELECT {column} FROM addition_key WHERE user_id = '{}'", uuid_of(&account.id)))
    });
    assert_eq!(keys, [500, 101, 1300], "the newest 500 keys");
    // Over the limit, the cart accepts changes of its entries and no new one.
    let member = response.tokens().access;
    let put = async |key: &str| server.call("PUT", &format!("/me/cart/{key}"), &member, json!({ "quantity": 1 })).await;
    assert_eq!(put("1001").await.status, 200);
    put("new").await.assert_refused(409, "collection_full");
}

/// More than two batches of a merge.
#[tokio::test]
async fn s08_every_entry_that_both_have_is_merged() {
    let server = Server::open().await;
    let account = entries("favorites", 1001..=1450, |key| key);
    let guest = entries("favorites", 1001..=1450, |key| key + 1);
    let case = Case { account, guests: vec![guest], logins: vec![0] };
    let (account, guests) = prepare(&server, &case, "ada@example.com").await;

    let response = server.call("POST", "/login", &guests[0].refresh, credentials("ada@example.com", PASSWORD)).await;

    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(read(server.database(), &account.id), case.guests[0]);
}

#[tokio::test]
async fn s08_an_undeclared_collection_is_merged_and_comes_back_when_it_is_declared() {
    let server = Server::open().await;
    let case =
        Case { account: entries("notes", 1..=1, |_| 5), guests: vec![entries("notes", 2..=2, |_| 6)], logins: vec![0] };
    let (_, guests) = prepare(&server, &case, "ada@example.com").await;
    let login = server.call("POST", "/login", &guests[0].refresh, credentials("ada@example.com", PASSWORD)).await;
    let member = login.tokens().access;
    server.get("/me/notes", &member).await.assert_refused(404, "unknown_collection");

    let server = server.restart_with(|config| declare(config, "[collections.notes]")).await;

    assert_eq!(server.keys("notes", &member).await, ["2", "1"]);
}

/// Fails if a table with guest data is added: decide what a merge does with its rows, then add it to a list of this test.
#[tokio::test]
async fn s08_the_merge_considers_every_table_with_guest_data() {
    let server = Server::open().await;
    let moved = ["addition_key", "entry", "session"];
    let dropped = ["ceremony"];
    let of_accounts_only = ["account", "known_network", "linked_identity", "passkey"];

    let mut tables: Vec<_> = [&moved[..], &dropped, &of_accounts_only].concat();
    tables.sort_unstable();

    assert_eq!(server.database().tables_with("user_id"), tables);
}
