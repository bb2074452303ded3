//! The merge, by its properties: whatever an account and some guests have, and in whatever order and however often those
//! guests log in, also at once, the account ends with what the rules say.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use proptest::collection::{btree_map, vec};
use proptest::prelude::{Just, Strategy, any};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use serde_json::json;

use crate::STORE;
use crate::membership::{PASSWORD, credentials, uuid_of};
use crate::support::database::{Database, Kind};
use crate::support::{Server, Tokens, authorized};

/// What somebody has: item to quantity, to when it was added, to when it was seen; and key to value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Data {
    cart: BTreeMap<i64, i64>,
    favorites: BTreeMap<i64, i64>,
    history: BTreeMap<i64, i64>,
    preferences: BTreeMap<String, i64>,
}

/// An account, its guests, and in which order these log in, some of them more than once.
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
        let everybody = (0..guests.len()).collect::<Vec<_>>();
        let again = vec(0..guests.len(), 0..=3);
        (Just(account), Just(guests), Just(everybody), again).prop_flat_map(|(account, guests, mut logins, again)| {
            logins.extend(again);
            (Just(account), Just(guests), Just(logins).prop_shuffle()).prop_map(|(account, guests, logins)| Case {
                account,
                guests,
                logins,
            })
        })
    })
}

/// The rules.
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

/// The account wins; between guests whoever comes first does, and with logins at once that may be any of them.
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
        Some(key) => Err(TestCaseError::fail(format!("{key} is nobody's"))),
        None => Ok(()),
    }
}

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

/// Idempotency keys of additions to the cart, by when they came.
fn insert_keys(database: &Database, id: &str, times: RangeInclusive<i64>) {
    let user = uuid_of(id);
    let bytes = match STORE {
        Kind::Sqlite => "X'",
        Kind::Postgres => "'\\x",
    };
    let keys = times.map(|at| format!("('{user}', {bytes}{at:064x}', {bytes}00', {at})")).collect::<Vec<_>>();
    database.execute(&format!("INSERT INTO cart_key (user_id, hash, request, created_at) VALUES {}", keys.join(",")));
}

fn read(database: &Database, id: &str) -> Data {
    let user = uuid_of(id);
    let rows = |columns: &str, table: &str| {
        // Both databases write this in one way.
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

/// Everybody of a case, with what they have.
async fn prepare(server: &Server, case: &Case, email: &str) -> (Tokens, Vec<Tokens>) {
    let account = server.login().await;
    insert(server.database(), &account.id, &case.account);
    let answer = server.call("POST", "/register", &account.access, credentials(email, PASSWORD)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let mut guests = Vec::new();
    for data in &case.guests {
        let guest = server.login().await;
        insert(server.database(), &guest.id, data);
        guests.push(guest);
    }
    (account, guests)
}

async fn check(server: &Server, case: &Case, account: &Tokens, guests: &[Tokens]) -> Result<(), TestCaseError> {
    let mut found = read(server.database(), &account.id);
    let mut wanted = expected(case);
    check_preferences(case, &found.preferences)?;
    (found.preferences, wanted.preferences) = Default::default();
    if found != wanted {
        return Err(TestCaseError::fail(format!("found {found:?}\nwanted {wanted:?}")));
    }
    for guest in guests {
        if read(server.database(), &guest.id) != Data::default() {
            return Err(TestCaseError::fail("the guest has something left"));
        }
    }
    Ok(())
}

/// Runs a property. The seed of a run that failed is printed; `GUESTPASS_SEED` runs it again.
fn hold(cases: u32, property: impl AsyncFn(&Server, Case, String) -> Result<(), TestCaseError>) {
    let seed = std::env::var("GUESTPASS_SEED").ok().map_or_else(|| fastrand::u64(..), |seed| seed.parse().unwrap());
    println!("GUESTPASS_SEED={seed}");
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config { cases, max_shrink_iters: 30, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let server = runtime.block_on(Server::open());
    let strategy = (case(), any::<u64>());
    let ran = runner.run(&strategy, |(case, number)| {
        // Shrinking runs a case again.
        let email = format!("{number}.{}@example.com", fastrand::u64(..));
        runtime.block_on(property(&server, case, email))
    });
    ran.unwrap();
}

#[test]
fn s08_merges_one_after_the_other_lose_and_double_nothing() {
    hold(12, async |server, case, email| {
        let (account, guests) = prepare(server, &case, &email).await;

        for &guest in &case.logins {
            let answer = server.call("POST", "/login", &guests[guest].access, credentials(&email, PASSWORD)).await;
            assert_eq!(answer.status, 200, "{answer:?}");
        }

        check(server, &case, &account, &guests).await
    });
}

#[test]
fn s08_the_order_of_merges_at_once_does_not_matter() {
    hold(12, async |server, case, email| {
        let (account, guests) = prepare(server, &case, &email).await;

        let requests = case
            .logins
            .iter()
            .map(|&guest| authorized("POST", "/login", &guests[guest].access, Some(credentials(&email, PASSWORD))));
        let requests = std::sync::Mutex::new(requests.collect::<Vec<_>>());
        let answers = server.send_at_once(case.logins.len(), || requests.lock().unwrap().pop().unwrap()).await;

        for answer in answers {
            assert_eq!(answer.status, 200, "{answer:?}");
        }
        check(server, &case, &account, &guests).await
    });
}

#[tokio::test]
async fn s08_a_merge_stays_within_the_bounds_of_each_collection() {
    let server = Server::open().await;
    let items: Vec<_> = (1001..1150).map(|id| format!("({id}, 'Item', '', 1, 'EUR', '', '')")).collect();
    let items = items.join(",");
    server.database().execute(&format!(
        "INSERT INTO item (id, name, description, price_cents, currency, emoji, category) VALUES {items}"
    ));
    // The account has seen the even items, the guest all; the account's are older.
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

    let answer = server.call("POST", "/login", &guests[0].access, credentials("ada@example.com", PASSWORD)).await;

    assert_eq!(answer.status, 200, "{answer:?}");
    let merged = read(server.database(), &account.id);
    assert_eq!(merged.cart, [(1, 99), (2, 99)].into());
    assert_eq!(merged.history, case.guests[0].history, "the newest hundred");
    let keys = ["count(*)", "min(created_at)", "max(created_at)"]
        .map(|what| server.number(&format!("SELECT {what} FROM cart_key WHERE user_id = '{}'", uuid_of(&account.id))));
    assert_eq!(keys, [500, 101, 1300], "the newest five hundred");
}

/// Whoever adds a table says what a merge makes of it.
#[tokio::test]
async fn s08_no_table_of_guests_is_forgotten_by_the_merge() {
    let server = Server::open().await;
    let moved = ["cart_item", "cart_key", "favorite_item", "history_item", "preferences", "session"];
    let dropped = ["ceremony"];
    let of_members_who_are_never_merged = ["account", "linked_identity", "passkey"];

    let mut tables: Vec<_> = [&moved[..], &dropped, &of_members_who_are_never_merged].concat();
    tables.sort_unstable();

    assert_eq!(server.database().tables_with("user_id"), tables);
}
