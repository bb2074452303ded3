//! Property test of declarations: for random declarations and random requests of an account and two guests, each response, and
//! the data of the account after the guests have logged in to it, are those of a model in memory.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::{Map, Value, json};

use crate::support::membership::{login, new_member};
use crate::support::{SECOND, Server, Tokens, authorized, declare};

const MEMBERS: [&str; 3] = ["points", "quantity", "size"];

/// A declaration: the limits, a rule for each of some members, and the bounds of `quantity`.
#[derive(Debug, Clone)]
struct Declaration {
    entries: usize,
    drops_oldest: bool,
    value_bytes: usize,
    rules: BTreeMap<&'static str, &'static str>,
    bounds: Option<(i64, i64)>,
    /// Whether the schema requires the member `quantity`.
    requires_quantity: bool,
}

impl Declaration {
    fn toml(&self) -> String {
        let Self { entries, drops_oldest, value_bytes, rules, bounds, requires_quantity } = self;
        let full = if *drops_oldest { "drop-oldest" } else { "refuse" };
        let rules: Vec<_> = rules.iter().map(|(member, rule)| format!("{member} = \"{rule}\"")).collect();
        let bounds =
            bounds.map(|(low, high)| format!("bounds = {{ quantity = [{low}, {high}] }}\n")).unwrap_or_default();
        let required = if *requires_quantity { "schema = { required = [\"quantity\"] }\n" } else { "" };
        format!(
            "[collections.things]\nentries = {entries}\nfull = \"{full}\"\nvalue_bytes = {value_bytes}\nmerge = {{ {} }}\n{bounds}{required}",
            rules.join(", ")
        )
    }

    fn allows(&self, value: &Map<String, Value>) -> bool {
        let within =
            |number: &Value| self.bounds.is_none_or(|(low, high)| (low..=high).contains(&number.as_i64().unwrap()));
        Value::from(value.clone()).to_string().len() <= self.value_bytes
            && value.get("quantity").is_none_or(within)
            && (!self.requires_quantity || value.contains_key("quantity"))
    }

    fn cut(&self, member: &str, sum: i64) -> i64 {
        match self.bounds {
            Some((low, high)) if member == "quantity" => sum.clamp(low, high),
            _ => sum,
        }
    }
}

fn declaration() -> impl Strategy<Value = Declaration> {
    let rule = select(vec!["sum", "max", "min", "account", "guest", "newest"]);
    let bounds = proptest::option::of((0..5_i64, 5..30_i64));
    (1..5_usize, any::<bool>(), 25..60_usize, btree_map(select(&MEMBERS[..]), rule, 1..=3), bounds, any::<bool>())
        .prop_map(|(entries, drops_oldest, value_bytes, rules, bounds, requires_quantity)| Declaration {
            entries,
            drops_oldest,
            value_bytes,
            rules,
            bounds,
            requires_quantity,
        })
}

#[derive(Debug, Clone)]
enum Request {
    Put(Map<String, Value>),
    Patch(Map<String, Value>),
    Add(Map<String, Value>),
    Remove,
}

fn request() -> impl Strategy<Value = Request> {
    let member = || select(&MEMBERS[..]).prop_map(str::to_owned);
    let object = move || {
        btree_map(member(), (-5..40_i64).prop_map(Value::from), 0..=3)
            .prop_map(|all| all.into_iter().collect::<Map<_, _>>())
    };
    let or_null = prop_oneof![3 => (-5..40_i64).prop_map(Value::from), 1 => Just(Value::Null)];
    let patch = btree_map(member(), or_null, 0..=3).prop_map(|all| all.into_iter().collect::<Map<_, _>>());
    prop_oneof![
        4 => object().prop_map(Request::Put),
        2 => patch.prop_map(Request::Patch),
        3 => object().prop_map(Request::Add),
        1 => Just(Request::Remove),
    ]
}

/// Requests by the index of the guest (0 is the account) and the key.
type Requests = Vec<(usize, &'static str, Request)>;

fn requests() -> impl Strategy<Value = Requests> {
    vec((0..3_usize, select(vec!["a", "b", "c", "d/e?", "größe"]), request()), 0..30)
}

#[derive(Debug, Clone, PartialEq)]
struct Entry {
    value: Map<String, Value>,
    created_at: usize,
    updated_at: usize,
}

type Entries = BTreeMap<&'static str, Entry>;

/// What a request does in the model. Returns the expected status.
fn apply(
    declaration: &Declaration,
    entries: &mut Entries,
    key: &'static str,
    request: &Request,
    now: usize,
) -> StatusCode {
    let current = entries.get(key).cloned();
    let mut value = current.as_ref().map(|entry| entry.value.clone()).unwrap_or_default();
    match request {
        Request::Put(new) => value.clone_from(new),
        Request::Patch(patch) => {
            for (member, change) in patch {
                if change.is_null() {
                    value.remove(member);
                } else {
                    value.insert(member.clone(), change.clone());
                }
            }
        }
        Request::Add(more) => {
            for (member, more) in more {
                let before = value.get(member).map_or(0, |before| before.as_i64().unwrap());
                value.insert(member.clone(), declaration.cut(member, before + more.as_i64().unwrap()).into());
            }
        }
        Request::Remove => {
            entries.remove(key);
            return StatusCode::NO_CONTENT;
        }
    }
    if !declaration.allows(&value) {
        return StatusCode::UNPROCESSABLE_ENTITY;
    }
    if current.is_none() && entries.len() >= declaration.entries {
        if !declaration.drops_oldest {
            return StatusCode::CONFLICT;
        }
        let oldest = entries.iter().min_by_key(|(_, entry)| entry.updated_at).map(|(key, _)| *key).unwrap();
        entries.remove(oldest);
    }
    let status = if current.is_some() { StatusCode::OK } else { StatusCode::CREATED };
    let created_at = current.map_or(now, |entry| entry.created_at);
    entries.insert(key, Entry { value, created_at, updated_at: now });
    status
}

/// The entries of the account after the login of a guest.
fn merge(declaration: &Declaration, account: &mut Entries, guest: Entries) {
    for (key, theirs) in guest {
        let merged = match account.get(key) {
            Some(own) => merged(declaration, own, &theirs),
            None => theirs,
        };
        account.insert(key, merged);
    }
    while declaration.drops_oldest && account.len() > declaration.entries {
        let oldest = account.iter().min_by_key(|(_, entry)| entry.updated_at).map(|(key, _)| *key).unwrap();
        account.remove(oldest);
    }
}

fn merged(declaration: &Declaration, own: &Entry, theirs: &Entry) -> Entry {
    let newest = if theirs.updated_at > own.updated_at { theirs } else { own };
    let mut value = newest.value.clone();
    for (member, rule) in &declaration.rules {
        let number = |entry: &Entry| entry.value.get(*member).map(|value| value.as_i64().unwrap());
        let number = match (*rule, number(own), number(theirs)) {
            ("newest", ..) => continue,
            (_, own, None) => own,
            (_, None, theirs) => theirs,
            ("sum", Some(own), Some(theirs)) => Some(declaration.cut(member, own + theirs)),
            ("max", own, theirs) => own.max(theirs),
            ("min", own, theirs) => own.min(theirs),
            ("account", own, _) => own,
            (_, _, theirs) => theirs,
        };
        if let Some(number) = number {
            value.insert((*member).to_owned(), number.into());
        }
    }
    if !declaration.allows(&value) {
        value.clone_from(&newest.value);
    }
    Entry { value, created_at: own.created_at.min(theirs.created_at), updated_at: newest.updated_at }
}

fn path(key: &str) -> String {
    format!("/me/things/{}", form_urlencoded::byte_serialize(key.as_bytes()).collect::<String>())
}

async fn send(server: &Server, guest: &Tokens, key: &str, request: &Request) -> (StatusCode, Value) {
    let response = match request {
        Request::Put(value) => server.call("PUT", &path(key), &guest.access, value.clone().into()).await,
        Request::Patch(patch) => server.call("PATCH", &path(key), &guest.access, patch.clone().into()).await,
        Request::Add(more) => server.call("POST", &path(key), &guest.access, json!({ "add": more })).await,
        Request::Remove => server.send(authorized("DELETE", &path(key), &guest.access, None)).await,
    };
    (response.status, serde_json::from_str(&response.body).unwrap_or_default())
}

/// Compares the entries of a guest with the model, in the order of the list.
async fn compare(server: &Server, guest: &Tokens, model: &Entries) -> Result<(), TestCaseError> {
    let page = server.get("/me/things", &guest.access).await.json();
    let mut expected: Vec<_> = model.iter().collect();
    expected.sort_by_key(|(key, entry)| std::cmp::Reverse((entry.updated_at, **key)));
    let expected: Vec<_> = expected.into_iter().map(|(key, entry)| json!([key, entry.value])).collect();
    let found = page["entries"].as_array().unwrap().iter().map(|entry| json!([entry["key"], entry["value"]]));
    prop_assert_eq!(found.collect::<Vec<_>>(), expected);
    // The times of the model are the numbers of the requests, in the same order.
    let mut by_creation: Vec<_> = page["entries"].as_array().unwrap().iter().collect();
    by_creation.sort_by_key(|entry| entry["created_at"].as_str().unwrap());
    let found: Vec<_> = by_creation.into_iter().map(|entry| entry["key"].as_str().unwrap()).collect();
    let mut expected: Vec<_> = model.iter().map(|(key, entry)| (entry.created_at, *key)).collect();
    expected.sort_unstable();
    prop_assert_eq!(found, expected.into_iter().map(|(_, key)| key).collect::<Vec<_>>());
    Ok(())
}

async fn check(declaration: &Declaration, requests: &Requests) -> Result<(), TestCaseError> {
    let server = Server::open_with(|config| declare(config, &declaration.toml())).await;
    let account = new_member(&server).await;
    let guests = [account, server.anonymous_login().await, server.anonymous_login().await];
    let mut models = [Entries::new(), Entries::new(), Entries::new()];
    for (now, (guest, key, request)) in requests.iter().enumerate() {
        server.clock.advance(SECOND);
        let expected = apply(declaration, &mut models[*guest], key, request, now);

        let (status, body) = send(&server, &guests[*guest], key, request).await;

        prop_assert_eq!(status, expected, "{} {:?}: {}", key, request, body);
        if status.is_success() && status != StatusCode::NO_CONTENT {
            prop_assert_eq!(body, Value::from(models[*guest][key].value.clone()));
        }
    }
    for (guest, model) in guests.iter().zip(&models) {
        compare(&server, guest, model).await?;
    }
    let [mut account, first, second] = models;
    for (guest, model) in guests[1..].iter().zip([first, second]) {
        merge(declaration, &mut account, model);
        let response = server.send(login(&guest.refresh)).await;
        prop_assert_eq!(response.status, 200, "{:?}", response);
        compare(&server, &response.tokens(), &account).await?;
    }
    server.close().await;
    Ok(())
}

#[test]
fn s08_random_declarations_and_requests_give_the_data_of_the_model() {
    let config = Config { cases: 12, max_shrink_iters: 60, failure_persistence: None, ..Config::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();

    let ran = TestRunner::new(config)
        .run(&(declaration(), requests()), |(declaration, requests)| runtime.block_on(check(&declaration, &requests)));

    ran.unwrap_or_else(|error| panic!("{error}"));
}
