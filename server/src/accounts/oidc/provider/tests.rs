//! An issuer that hangs, on the loopback interface. The timeout of requests is so long that no test depends on it.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::super::reach::Reach;
use super::*;

/// The longest wait for a condition.
const PATIENCE: Duration = Duration::from_secs(60);

fn now() -> Timestamp {
    Timestamp::from_secs(1_800_000_000)
}

/// An issuer with one key, which responds while it does not hang.
struct Issuer {
    url: String,
    key_id: Arc<Mutex<&'static str>>,
    hangs: watch::Sender<bool>,
    /// The number of requests for the discovery document.
    fetches: Arc<AtomicUsize>,
}

impl Issuer {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let issuer = Self {
            url: url.clone(),
            key_id: Arc::new(Mutex::new("first")),
            hangs: watch::Sender::new(false),
            fetches: Arc::default(),
        };
        let (key_id, hangs, fetches) = (Arc::clone(&issuer.key_id), issuer.hangs.clone(), Arc::clone(&issuer.fetches));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let document = Document { url: url.clone(), key_id: *key_id.lock().unwrap() };
                tokio::spawn(respond(stream, document, hangs.subscribe(), Arc::clone(&fetches)));
            }
        });
        issuer
    }

    fn provider(&self) -> Arc<Provider> {
        let rules =
            Rules { issuer: self.url.clone(), client_ids: vec!["shop".to_owned()], require_hashed_nonce: false };
        let reach = Reach::new(&self.url.parse().unwrap(), &[]);
        Provider::new(rules, HttpClient::new(reach, Duration::from_secs(3600)).unwrap())
    }

    async fn until_fetches(&self, count: usize) {
        within_patience(async {
            while self.fetches.load(Ordering::SeqCst) < count {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}

struct Document {
    url: String,
    key_id: &'static str,
}

async fn respond(
    mut stream: TcpStream,
    document: Document,
    mut hangs: watch::Receiver<bool>,
    fetches: Arc<AtomicUsize>,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let Document { url, key_id } = document;
    let body = if head.starts_with(b"GET /keys") {
        let key = serde_json::json!({ "kty": "OKP", "crv": "Ed25519", "kid": key_id, "x": "AA" });
        serde_json::json!({ "keys": [key] })
    } else {
        fetches.fetch_add(1, Ordering::SeqCst);
        serde_json::json!({ "issuer": url, "jwks_uri": format!("{url}/keys") })
    };
    hangs.wait_for(|hangs| !hangs).await.unwrap();
    let body = body.to_string();
    let response = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(response.as_bytes()).await.unwrap();
}

async fn within_patience<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it waits for an issuer that hangs")
}

fn key_ids(keys: &[Jwk]) -> Vec<&str> {
    keys.iter().filter_map(|key| key.common.key_id.as_deref()).collect()
}

#[tokio::test]
async fn s14_an_issuer_that_hangs_delays_only_requests_that_need_new_keys() {
    let (slow, other) = (Issuer::start().await, Issuer::start().await);
    let (provider, other_provider) = (slow.provider(), other.provider());
    provider.keys(now()).await.unwrap();
    slow.hangs.send_replace(true);
    // A token with an unknown key, which any client can send.
    let unknown_key = tokio::spawn({
        let provider = Arc::clone(&provider);
        async move { provider.newer_keys(now() + FETCH_INTERVAL).await.map(|keys| keys.len()) }
    });
    slow.until_fetches(2).await;

    let keys = within_patience(provider.keys(now() + FETCH_INTERVAL)).await.unwrap();
    let other_keys = within_patience(other_provider.keys(now())).await.unwrap();

    assert_eq!((key_ids(&keys), key_ids(&other_keys)), (vec!["first"], vec!["first"]));
    assert!(!unknown_key.is_finished());
    slow.hangs.send_replace(false);
    assert_eq!(within_patience(unknown_key).await.unwrap().unwrap(), 1);
}

#[tokio::test]
async fn s14_one_fetch_serves_all_requests_and_their_number_is_bounded() {
    let issuer = Issuer::start().await;
    let provider = issuer.provider();
    issuer.hangs.send_replace(true);
    let waiting: Vec<_> = (0..MAX_WAITING)
        .map(|_| {
            let provider = Arc::clone(&provider);
            tokio::spawn(async move { provider.keys(now()).await })
        })
        .collect();
    within_patience(async {
        while provider.waiting.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;

    let refused = within_patience(provider.keys(now())).await;

    assert!(matches!(refused, Err(AccountError::IssuerUnavailable)));
    issuer.hangs.send_replace(false);
    for request in waiting {
        assert_eq!(key_ids(&within_patience(request).await.unwrap().unwrap()), ["first"]);
    }
    assert_eq!(issuer.fetches.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn keys_are_used_while_they_are_fetched_again() {
    let issuer = Issuer::start().await;
    let provider = issuer.provider();
    provider.keys(now()).await.unwrap();
    *issuer.key_id.lock().unwrap() = "second";
    issuer.hangs.send_replace(true);

    let keys = within_patience(provider.keys(now() + FRESH)).await.unwrap();

    assert_eq!(key_ids(&keys), ["first"]);
    issuer.until_fetches(2).await;
    issuer.hangs.send_replace(false);
    within_patience(async {
        while key_ids(&provider.keys(now() + FRESH).await.unwrap()) != ["second"] {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn stale_keys_are_used_while_the_issuer_hangs() {
    let issuer = Issuer::start().await;
    let provider = issuer.provider();
    provider.keys(now()).await.unwrap();
    issuer.hangs.send_replace(true);

    let keys = within_patience(provider.keys(now() + USABLE)).await.unwrap();

    assert_eq!(key_ids(&keys), ["first"]);
}
