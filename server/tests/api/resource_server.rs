//! `ResourceServer`: verification of access tokens in a service that has only the public keys, and when it fetches them

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use axum::response::IntoResponse;
use guestpass_server::{KeyAdmin, KeyScope, ResourceServer, Unauthorized, VerifyError};

use crate::support::wait::until;
use crate::support::{MINUTE, SECOND, Server, claims_of, get};

/// A service that verifies the tokens of `server`, with the same clock.
struct Service {
    server: Arc<Server>,
    resource: ResourceServer,
    fetches: Arc<AtomicUsize>,
    unreachable: Arc<AtomicBool>,
}

impl Service {
    async fn new() -> Self {
        Self::of(Server::open().await)
    }

    fn of(server: Server) -> Self {
        let server = Arc::new(server);
        let (fetches, unreachable) = (Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
        let (issuer, counted, down) = (server.clone(), fetches.clone(), unreachable.clone());
        let fetch = move || {
            counted.fetch_add(1, Ordering::SeqCst);
            let (issuer, down) = (issuer.clone(), down.load(Ordering::SeqCst));
            async move {
                if down {
                    return Err("the server cannot be reached");
                }
                Ok(issuer.send(get("/.well-known/jwks.json")).await.body)
            }
        };
        let resource = ResourceServer::new_at("http://localhost:8000", "guestpass", fetch, server.clock.clone());
        Self { server, resource, fetches, unreachable }
    }

    async fn accepts(&self, token: &str) -> bool {
        match self.resource.verify(token).await {
            Ok(_) => true,
            Err(VerifyError::Unauthorized(Unauthorized::InvalidToken(_))) => false,
            Err(error) => panic!("{error:?}"),
        }
    }

    fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn s09_a_token_is_verified_to_its_subject_until_it_expires() {
    let service = Service::new().await;
    let tokens = service.server.anonymous_login().await;

    let subject = service.resource.verify(&tokens.access).await.unwrap();

    assert_eq!(subject.to_string(), tokens.id);
    assert!(tokens.id.ends_with(&subject.id().to_string()));
    assert_eq!(subject.session().to_string(), claims_of(&tokens.access)["sid"]);
    assert!(service.accepts(&tokens.access).await);
    for other in [&tokens.refresh, &tokens.access[1..], &format!("{}A", tokens.access), ""] {
        assert!(!service.accepts(other).await, "{other}");
    }
    assert_eq!(service.fetches(), 1, "the keys are cached");
    service.server.clock.advance(15 * MINUTE + SECOND);
    assert!(!service.accepts(&tokens.access).await);
}

#[tokio::test]
async fn s09_a_token_of_a_client_without_refresh_is_for_the_server_alone() {
    let service = Service::new().await;
    let simple = service.server.send(crate::support::anonymous_login(None, None)).await.json();
    let simple = simple["access_token"].as_str().unwrap();

    assert_eq!(claims_of(simple)["aud"], claims_of(simple)["iss"]);
    assert!(service.server.accepts(simple).await);
    assert!(!service.accepts(simple).await);
}

#[tokio::test]
async fn an_unknown_kid_makes_the_service_fetch_the_keys_at_most_every_five_seconds() {
    let service = Service::new().await;
    let (server, admin) = (&service.server, admin(&service).await);
    assert!(service.accepts(&server.anonymous_login().await.access).await);
    admin.rotate(10 * SECOND).await.unwrap();
    let published = || async { server.send(get("/.well-known/jwks.json")).await.json()["keys"][1].is_object() };
    until("the server knows the key", published).await;
    server.clock.advance(11 * SECOND);

    let new = server.anonymous_login().await;

    assert!(service.accepts(&new.access).await);
    assert_eq!(service.fetches(), 2);
    let unknown_kid = Server::open().await.anonymous_login().await;
    for _ in 0..20 {
        assert!(!service.accepts(&unknown_kid.access).await);
    }
    assert_eq!(service.fetches(), 2, "the keys were fetched again within five seconds");
    server.clock.advance(5 * SECOND);
    assert!(!service.accepts(&unknown_kid.access).await);
    assert_eq!(service.fetches(), 3);
    admin.close().await;
}

#[tokio::test]
async fn s09_tokens_of_a_withdrawn_key_are_refused() {
    let service = Service::new().await;
    let (server, admin) = (&service.server, admin(&service).await);
    let old = server.anonymous_login().await;
    assert!(service.accepts(&old.access).await);
    admin.replace(KeyScope::AccessTokens).await.unwrap();
    until("the server refuses the token", || async { !server.accepts(&old.access).await }).await;

    server.clock.advance(5 * MINUTE + SECOND);

    until("the service refuses the token", || async { !service.accepts(&old.access).await }).await;
    assert!(service.accepts(&server.anonymous_login().await.access).await);
    admin.close().await;
}

#[tokio::test]
async fn while_the_keys_cannot_be_fetched_cached_keys_are_used_for_an_hour() {
    let service = Service::of(Server::open_with(|config| config.access_ttl = 3 * 60 * MINUTE).await);
    let long_lived = service.server.anonymous_login().await.access;
    service.unreachable.store(true, Ordering::SeqCst);
    let error = service.resource.verify(&long_lived).await.unwrap_err();
    assert_eq!(error, VerifyError::KeysUnavailable);
    assert_eq!(error.into_response().status(), 503);

    service.server.clock.advance(6 * SECOND);
    service.unreachable.store(false, Ordering::SeqCst);
    assert!(service.accepts(&long_lived).await);

    service.unreachable.store(true, Ordering::SeqCst);
    service.server.clock.advance(60 * MINUTE);
    assert!(service.accepts(&long_lived).await);
    service.server.clock.advance(SECOND);
    assert_eq!(service.resource.verify(&long_lived).await, Err(VerifyError::KeysUnavailable));
    service.server.clock.advance(6 * SECOND);
    service.unreachable.store(false, Ordering::SeqCst);
    assert!(service.accepts(&long_lived).await);
}

async fn admin(service: &Service) -> KeyAdmin {
    KeyAdmin::open_at(service.server.location(), service.server.clock.clone()).await.unwrap()
}
