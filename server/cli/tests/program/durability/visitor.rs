//! A visitor that sends one request after another, and checks that the server keeps each change that it has acknowledged.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use crate::support::process::Process;

/// Key and quantity.
type Cart = BTreeMap<u64, u64>;

/// The data of a guest, as far as visitors change it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct GuestData {
    cart: Cart,
    history: BTreeSet<u64>,
    favorites: BTreeSet<u64>,
    preferences: BTreeMap<String, u64>,
}

/// An addition to the cart, with the idempotency key for its repetitions.
#[derive(Debug, Clone)]
struct Addition {
    key: String,
    item: u64,
    quantity: u64,
}

const ITEMS: u64 = 12;
const MAX_QUANTITY: u64 = 99;

/// The current server.
#[derive(Clone)]
pub(super) struct Api {
    url: String,
    http: Client,
}

impl Api {
    pub(super) fn of(server: &Process) -> Self {
        Self { url: server.url.clone(), http: server.http.clone() }
    }
}

/// A client that knows the acknowledged data of its guest.
///
/// The methods return `None` without a complete response: the server may have made the change or not, and the visitor checks
/// that before its next change.
pub(super) struct Visitor {
    random: Rng,
    logins: usize,
    guest: Option<Guest>,
    /// The idempotency key of a login without a response yet.
    login_key: String,
    /// Guests whose session has ended, as the server has acknowledged.
    ended: Vec<Guest>,
    /// The number of ended guests that were checked once.
    checked: usize,
}

#[derive(Debug)]
struct Guest {
    id: String,
    access: String,
    /// The refresh tokens that were acknowledged; the last is the current one.
    refresh: Vec<String>,
    /// The possible data of the guest: one state, or two while a change has no response.
    possible_data: Vec<GuestData>,
    /// The addition without a response, if there is one.
    addition: Option<Addition>,
    ending: Option<Ending>,
}

#[derive(Debug, Clone, Copy)]
enum Ending {
    Revocation,
    /// The use of a token that is older than the parent of the current one.
    Theft,
}

impl Visitor {
    pub(super) fn new(mut random: Rng) -> Self {
        let login_key = key(&mut random);
        Self { random, logins: 0, guest: None, login_key, ended: Vec::new(), checked: 0 }
    }

    /// The number of guests that this visitor has created.
    pub(super) fn logins(&self) -> usize {
        self.logins
    }

    /// Sends the next request.
    pub(super) async fn step(&mut self, api: &Api) -> Option<()> {
        if self.guest.is_none() {
            self.log_in(api).await
        } else if self.checked < self.ended.len() {
            self.check_ended(api, self.checked).await?;
            self.checked += 1;
            Some(())
        } else if self.guest.as_ref().is_some_and(|guest| guest.ending.is_some()) {
            self.end(api).await
        } else if self.guest.as_ref().is_some_and(|guest| guest.addition.is_some()) {
            self.add(api).await
        } else if self.guest.as_ref().is_some_and(|guest| guest.possible_data.len() > 1) {
            self.check_data(api).await
        } else {
            self.send_random_request(api).await
        }
    }

    /// Repeats the last request if it had no response, and checks every acknowledged change.
    pub(super) async fn finish(&mut self, api: &Api) -> Option<()> {
        if self.guest.as_ref().is_some_and(|guest| guest.ending.is_some()) {
            self.end(api).await?;
        }
        if self.guest.is_none() {
            self.log_in(api).await?;
        }
        if self.guest.as_ref().is_some_and(|guest| guest.addition.is_some()) {
            self.add(api).await?;
        }
        self.check_data(api).await?;
        self.refresh(api).await?;
        self.check_data(api).await?;
        for index in 0..self.ended.len() {
            self.check_ended(api, index).await?;
        }
        Some(())
    }

    async fn send_random_request(&mut self, api: &Api) -> Option<()> {
        match self.random.u8(..100) {
            0..30 => self.refresh(api).await,
            30..70 => self.change_cart(api).await,
            70..90 => self.change_other_data(api).await,
            90..94 => self.check_data(api).await,
            choice => {
                let guest = self.guest.as_mut().unwrap();
                // A stolen token must be older than the parent of the current token.
                let theft = choice >= 97 && guest.refresh.len() > 2;
                guest.ending = Some(if theft { Ending::Theft } else { Ending::Revocation });
                self.end(api).await
            }
        }
    }

    async fn log_in(&mut self, api: &Api) -> Option<()> {
        let request = api
            .http
            .post(format!("{}/anonymous-login", api.url))
            .header("content-type", "application/json")
            .header("idempotency-key", &self.login_key);
        let tokens = send_for_json(request.body("{\"refresh\":true}"), StatusCode::OK).await?;
        self.guest = Some(Guest {
            id: text(&tokens, "anonymous_id"),
            access: text(&tokens, "access_token"),
            refresh: vec![text(&tokens, "refresh_token")],
            possible_data: vec![GuestData::default()],
            addition: None,
            ending: None,
        });
        self.login_key = key(&mut self.random);
        self.logins += 1;
        Some(())
    }

    /// The last acknowledged token is the current token, or the parent of a token whose response was lost; both are valid.
    async fn refresh(&mut self, api: &Api) -> Option<()> {
        let guest = self.guest.as_mut().unwrap();
        let current = guest.refresh.last().unwrap();
        let tokens = send_for_json(form(api, "/token", &refresh_form(current)), StatusCode::OK).await?;
        assert_eq!(text(&tokens, "anonymous_id"), guest.id);
        guest.access = text(&tokens, "access_token");
        guest.refresh.push(text(&tokens, "refresh_token"));
        Some(())
    }

    async fn change_cart(&mut self, api: &Api) -> Option<()> {
        let guest = self.guest.as_mut().unwrap();
        let (item, quantity) = (self.random.u64(1..=ITEMS), self.random.u64(1..=40));
        let mut changed = guest.possible_data[0].clone();
        let entry = format!("{}/me/cart/{item}", api.url);
        let request = match self.random.u8(..3) {
            0 => {
                let present = changed.cart.entry(item).or_default();
                *present = MAX_QUANTITY.min(*present + quantity);
                guest.possible_data.push(changed);
                guest.addition = Some(Addition { key: key(&mut self.random), item, quantity });
                return self.add(api).await;
            }
            1 => {
                changed.cart.insert(item, quantity);
                api.http.put(entry).body(json!({ "quantity": quantity }).to_string())
            }
            _ => {
                changed.cart.remove(&item);
                api.http.delete(entry)
            }
        };
        guest.possible_data.push(changed);
        self.expect_quantity(request, item).await
    }

    /// Repeats the addition with the same key until there is a response: it is added once.
    async fn add(&mut self, api: &Api) -> Option<()> {
        let Addition { key, item, quantity } = self.guest.as_ref().unwrap().addition.clone().unwrap();
        let request = api.http.post(format!("{}/me/cart/{item}", api.url)).header("idempotency-key", key);
        let body = json!({ "add": { "quantity": quantity } }).to_string();
        self.expect_quantity(request.body(body), item).await?;
        self.guest.as_mut().unwrap().addition = None;
        Some(())
    }

    /// Sends a change of an entry of the cart, whose response has the new value.
    async fn expect_quantity(&mut self, request: reqwest::RequestBuilder, item: u64) -> Option<()> {
        let guest = self.guest.as_mut().unwrap();
        let request = request.bearer_auth(&guest.access).header("content-type", "application/json");
        let changed = guest.possible_data.last().unwrap().clone();
        if let Some(quantity) = changed.cart.get(&item) {
            assert_eq!(send_for_json(request, StatusCode::OK).await?["quantity"], *quantity);
        } else {
            exchange(request, StatusCode::NO_CONTENT).await?;
        }
        guest.possible_data = vec![changed];
        Some(())
    }

    async fn change_other_data(&mut self, api: &Api) -> Option<()> {
        let guest = self.guest.as_mut().unwrap();
        let item = self.random.u64(1..=ITEMS);
        let mut changed = guest.possible_data[0].clone();
        let (request, status) = match self.random.u8(..3) {
            0 => toggle(&mut changed.history, item, api, "history"),
            1 => toggle(&mut changed.favorites, item, api, "favorites"),
            _ => {
                changed.preferences.insert(format!("key{item}"), item);
                let entry = format!("{}/me/preferences/key{item}", api.url);
                (api.http.put(entry).body(item.to_string()), StatusCode::OK)
            }
        };
        guest.possible_data.push(changed.clone());
        exchange(request.bearer_auth(&guest.access).header("content-type", "application/json"), status).await?;
        guest.possible_data = vec![changed];
        Some(())
    }

    async fn check_data(&mut self, api: &Api) -> Option<()> {
        let guest = self.guest.as_mut().unwrap();
        let request = api.http.get(format!("{}/me/export", api.url)).bearer_auth(guest.refresh.last().unwrap());
        let found = data_of(&send_for_json(request, StatusCode::OK).await?);
        assert!(guest.possible_data.contains(&found), "there is {found:?}, of {guest:?}");
        guest.possible_data = vec![found];
        Some(())
    }

    /// Ends the session of the guest.
    async fn end(&mut self, api: &Api) -> Option<()> {
        let guest = self.guest.as_ref().unwrap();
        match guest.ending.unwrap() {
            Ending::Revocation => {
                let token = format!("token={}", guest.refresh.last().unwrap());
                exchange(form(api, "/revoke", &token), StatusCode::OK).await?;
            }
            Ending::Theft => assert_refused(api, &guest.refresh[guest.refresh.len() - 3]).await?,
        }
        self.ended.push(self.guest.take().unwrap());
        Some(())
    }

    async fn check_ended(&self, api: &Api, index: usize) -> Option<()> {
        let guest = &self.ended[index];
        let request = api.http.get(format!("{}/me", api.url)).bearer_auth(&guest.access);
        exchange(request, StatusCode::UNAUTHORIZED).await?;
        assert_refused(api, guest.refresh.last().unwrap()).await
    }
}

async fn assert_refused(api: &Api, refresh_token: &str) -> Option<()> {
    let refused = send_for_json(form(api, "/token", &refresh_form(refresh_token)), StatusCode::BAD_REQUEST).await?;
    assert_eq!(text(&refused, "error"), "invalid_grant");
    Some(())
}

fn refresh_form(token: &str) -> String {
    format!("grant_type=refresh_token&refresh_token={token}")
}

fn form(api: &Api, path: &str, body: &str) -> reqwest::RequestBuilder {
    let request = api.http.post(format!("{}{path}", api.url));
    request.header("content-type", "application/x-www-form-urlencoded").body(body.to_owned())
}

async fn send_for_json(request: reqwest::RequestBuilder, status: StatusCode) -> Option<Value> {
    Some(serde_json::from_str(&exchange(request, status).await?).unwrap())
}

/// The body of the response; `None` without a complete response. The status 201 is taken for 200: a repeated change may have
/// made its entry at the first attempt.
async fn exchange(request: reqwest::RequestBuilder, status: StatusCode) -> Option<String> {
    let response = request.send().await.ok()?;
    let actual = if response.status() == StatusCode::CREATED { StatusCode::OK } else { response.status() };
    let body = String::from_utf8(response.bytes().await.ok()?.to_vec()).unwrap();
    if actual == StatusCode::SERVICE_UNAVAILABLE {
        // The database was killed first.
        return None;
    }
    assert_eq!(actual, status, "{body}");
    Some(body)
}

/// A request that makes the entry of an item or removes it, and the status of its response.
fn toggle(keys: &mut BTreeSet<u64>, item: u64, api: &Api, collection: &str) -> (reqwest::RequestBuilder, StatusCode) {
    let url = format!("{}/me/{collection}/{item}", api.url);
    if keys.remove(&item) {
        (api.http.delete(url), StatusCode::NO_CONTENT)
    } else {
        keys.insert(item);
        (api.http.put(url).body("{}"), StatusCode::OK)
    }
}

fn data_of(export: &Value) -> GuestData {
    // A collection without entries is not in the export.
    let entries = |collection: &str| export["collections"][collection].as_array().into_iter().flatten();
    let item = |entry: &Value| entry["key"].as_str().unwrap().parse::<u64>().unwrap();
    let quantity = |entry: &Value| entry["value"]["quantity"].as_u64().unwrap();
    GuestData {
        cart: entries("cart").map(|entry| (item(entry), quantity(entry))).collect(),
        history: entries("history").map(item).collect(),
        favorites: entries("favorites").map(item).collect(),
        preferences: entries("preferences")
            .map(|entry| (text(entry, "key"), entry["value"].as_u64().unwrap()))
            .collect(),
    }
}

fn text(json: &Value, name: &str) -> String {
    json[name].as_str().unwrap().to_owned()
}

/// 22 letters and digits: more than the 128 bits that a key must have.
fn key(random: &mut Rng) -> String {
    std::iter::repeat_with(|| random.alphanumeric()).take(22).collect()
}
