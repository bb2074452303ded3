//! The page of a shop in Rust: guestpass-session manages the session of the visitor, Yew renders the page.

use gloo_net::http::{Request, Response};
use guestpass_session::{AfterSignOut, Options, Session, Snapshot, Subscription};
use serde::Deserialize;
use serde_json::json;
use wasm_bindgen::prelude::*;
use yew::prelude::*;

/// The items of the shop. Their names are the keys of the entries in the cart.
const ITEMS: [&str; 3] = ["teapot", "mug", "pen"];

struct Shop {
    session: Session,
    /// Dropped with the component.
    _subscription: Subscription,
    snapshot: Snapshot,
    /// The statuses of the session on this page, oldest first.
    statuses: Vec<&'static str>,
    cart: Cart,
    /// Whether a request is under way.
    busy: bool,
    error: Option<String>,
}

/// The members of the response of `/me/cart` that the page shows.
#[derive(Default, Deserialize)]
struct Cart {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    key: String,
    value: Line,
}

#[derive(Deserialize)]
struct Line {
    quantity: u32,
}

enum Message {
    /// The session has changed.
    Changed(Snapshot),
    Add(&'static str),
    /// The response to a request that was sent when the visitor had the id `sent_by`.
    Cart {
        sent_by: Option<String>,
        result: Result<Cart, String>,
    },
    SignOut,
    /// A call of `start` or `sign_out` has ended.
    Ended(Result<JsValue, JsValue>),
}

impl Component for Shop {
    type Message = Message;
    type Properties = ();

    fn create(context: &Context<Self>) -> Self {
        let link = context.link().clone();
        let session = Session::new(Options::new(origin()));
        let _subscription = session.subscribe(move |snapshot, _event| {
            if let Some(snapshot) = snapshot {
                link.send_message(Message::Changed(snapshot.clone()));
            }
        });
        let (snapshot, started) = (session.snapshot(), session.start());
        context.link().send_future(async { Message::Ended(started.await) });
        let statuses = vec![snapshot.status.name()];
        Self { session, _subscription, snapshot, statuses, cart: Cart::default(), busy: false, error: None }
    }

    fn update(&mut self, context: &Context<Self>, message: Message) -> bool {
        match message {
            Message::Changed(snapshot) => {
                let before = std::mem::replace(&mut self.snapshot, snapshot);
                if self.snapshot.status != before.status {
                    self.statuses.push(self.snapshot.status.name());
                }
                if self.snapshot.id != before.id {
                    self.cart = Cart::default();
                    self.read_cart(context);
                }
            }
            Message::Add(item) => self.send(context, Some(item)),
            Message::Cart { sent_by, result } => {
                self.busy = false;
                match result {
                    // Another tab has changed the visitor in the meantime: this is the cart of the previous visitor.
                    _ if sent_by.is_some() && sent_by != self.snapshot.id => self.read_cart(context),
                    Ok(cart) => self.cart = cart,
                    Err(error) => self.error = Some(error),
                }
            }
            Message::SignOut => {
                let signed_out = self.session.sign_out(AfterSignOut::Guest);
                context.link().send_future(async { Message::Ended(signed_out.await) });
            }
            Message::Ended(result) => self.error = result.err().map(text),
        }
        true
    }

    fn view(&self, context: &Context<Self>) -> Html {
        let link = context.link();
        let greeting = match &self.snapshot.id {
            Some(id) => format!("Hello, {id}."),
            None => "You are not yet a guest.".into(),
        };
        let lines =
            self.cart.entries.iter().map(|Entry { key, value }| html! { <li>{ value.quantity }{ " × " }{ key }</li> });
        let buttons = ITEMS.map(|item| {
            let add = link.callback(move |_| Message::Add(item));
            html! { <button data-testid={format!("add-{item}")} disabled={self.busy} onclick={add}>{ "Add a " }{ item }</button> }
        });
        let sign_out = link.callback(|_| Message::SignOut);
        html! {
            <main>
                <h1>{ "A shop in Rust" }</h1>
                <p data-testid="greeting">{ greeting }</p>
                <ul data-testid="cart">{ for lines }</ul>
                <p>{ for buttons }</p>
                <button data-testid="sign-out" disabled={self.snapshot.id.is_none()} onclick={sign_out}>{ "Sign out" }</button>
                <p role="alert" data-testid="error">{ self.error.clone() }</p>
                <p>{ "Session: " }<output data-testid="statuses">{ self.statuses.join(", ") }</output></p>
            </main>
        }
    }
}

impl Shop {
    /// Reads the cart of the visitor, unless this is under way.
    fn read_cart(&mut self, context: &Context<Self>) {
        if self.snapshot.id.is_some() && !self.busy {
            self.send(context, None);
        }
    }

    /// Adds an item to the cart, if there is one to add, and reads the cart.
    fn send(&mut self, context: &Context<Self>, added: Option<&'static str>) {
        (self.busy, self.error) = (true, None);
        let (session, sent_by) = (self.session.clone(), self.snapshot.id.clone());
        context.link().send_future(async move {
            let result = fetch_cart(&session, added).await;
            Message::Cart { sent_by, result }
        });
    }
}

async fn fetch_cart(session: &Session, added: Option<&str>) -> Result<Cart, String> {
    if let Some(item) = added {
        let addition = json!({ "add": { "quantity": 1 } });
        send(session, Request::post(&format!("/me/cart/{item}")).json(&addition)).await?;
    }
    send(session, Request::get("/me/cart").build()).await?.json().await.map_err(|error| error.to_string())
}

/// Sends a request with the token of the visitor. A visitor without a session becomes a guest first.
async fn send(session: &Session, request: Result<Request, gloo_net::Error>) -> Result<Response, String> {
    let request = web_sys::Request::from(request.map_err(|error| error.to_string())?);
    let response = Response::from(session.fetch(request).await.map_err(text)?);
    if !response.ok() {
        return Err(format!("the server responded with {} {}", response.status(), response.status_text()));
    }
    Ok(response)
}

/// The message of an error of the session or of `fetch`.
fn text(error: JsValue) -> String {
    guestpass_session::Error::from(error).to_string()
}

/// The origin of the page, which is also the origin of the API.
fn origin() -> String {
    web_sys::window().and_then(|window| window.location().origin().ok()).unwrap_or_default()
}

#[wasm_bindgen(start)]
pub fn main() {
    yew::Renderer::<Shop>::new().render();
}
