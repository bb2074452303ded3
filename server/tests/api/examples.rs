//! The programs in `server/examples`, tested over HTTP

use std::net::SocketAddr;

use axum::Router;
use guestpass_server::{Algorithm, Config, Guestpass, StoreLocation};
use reqwest::{Client, StatusCode};
use serde_json::Value;

#[path = "../../examples/embed.rs"]
#[expect(dead_code, reason = "a program of its own")]
mod embed;

#[path = "../../examples/resource_server.rs"]
#[expect(dead_code, reason = "a program of its own")]
mod resource_server;

const ISSUER: &str = "https://api.shop.example";

/// Serves an application on a free port until the test ends.
async fn serve(app: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

/// The status and the body of a GET response.
async fn get_text(url: &str, token: Option<&str>) -> (u16, String) {
    let mut request = Client::new().get(url);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

/// The access token and the ID of a new guest.
async fn anonymous_login(url: &str) -> (String, String) {
    let response = Client::new()
        .post(format!("{url}/anonymous-login"))
        .header("content-type", "application/json")
        .body("{\"refresh\": true}")
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let response: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    let text = |name: &str| response[name].as_str().unwrap().to_owned();
    (text("access_token"), text("anonymous_id"))
}

#[tokio::test]
async fn an_embedding_application_gets_the_guest_of_each_request() {
    let directory = tempfile::tempdir().unwrap();
    let store = StoreLocation::Sqlite(directory.path().join("guestpass.db"));
    let config = Config { store, login_rate: "2/1h".parse().unwrap(), ..Config::default() };
    let guestpass = Guestpass::open(config).await.unwrap();
    let url = serve(embed::app(&guestpass)).await;

    let (token, id) = anonymous_login(&url).await;

    assert_eq!(get_text(&format!("{url}/welcome"), Some(&token)).await, (200, format!("The blog welcomes {id}")));
    assert_eq!(get_text(&format!("{url}/welcome"), None).await.0, 401);
    assert_eq!(get_text(&format!("{url}/healthz"), None).await, (200, "ok".to_owned()));
    // The example gives the client's address to the router, so that the login limit applies.
    anonymous_login(&url).await;
    let refused = Client::new().post(format!("{url}/anonymous-login")).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    guestpass.close().await.unwrap();
}

#[tokio::test]
async fn a_resource_server_with_only_the_public_keys_gets_the_subject_of_each_request() {
    for algorithm in [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256] {
        let directory = tempfile::tempdir().unwrap();
        let store = StoreLocation::Sqlite(directory.path().join("guestpass.db"));
        let config = Config { store, issuer: ISSUER.to_owned(), algorithm, ..Config::default() };
        let guestpass = Guestpass::open(config).await.unwrap();
        let url = serve(guestpass.router()).await;
        let orders = async |iss: &str, aud: &str| {
            let jwks = format!("{url}/.well-known/jwks.json");
            format!("{}/orders", serve(resource_server::app(iss, aud, jwks)).await)
        };
        let service = orders(ISSUER, "guestpass").await;

        let (token, id) = anonymous_login(&url).await;

        assert_eq!(get_text(&service, Some(&token)).await, (200, format!("the orders of {id}")), "{algorithm}");
        assert_eq!(get_text(&service, None).await.0, 401);
        assert_eq!(get_text(&service, Some(&format!("{token}A"))).await.0, 401);
        for other in [orders("https://other.example", "guestpass").await, orders(ISSUER, "other").await] {
            assert_eq!(get_text(&other, Some(&token)).await.0, 401, "{algorithm}");
        }
        guestpass.close().await.unwrap();
    }
}
