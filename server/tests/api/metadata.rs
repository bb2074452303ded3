//! `GET /.well-known/oauth-authorization-server` (RFC 8414) and `/.well-known/openid-configuration`

use serde_json::json;

use crate::support::{Server, get};

const WELL_KNOWN: &str = "/.well-known/oauth-authorization-server";

async fn with_issuer(issuer: &str) -> Server {
    Server::open_with(|config| config.issuer = issuer.to_owned()).await
}

#[tokio::test]
async fn the_metadata_lists_all_endpoints_except_disabled_ones() {
    let server = with_issuer("https://api.example").await;

    let response = server.send(get(WELL_KNOWN)).await;

    assert_eq!(response.header("content-type"), "application/json");
    assert_eq!(
        response.json(),
        json!({
            "issuer": "https://api.example",
            "token_endpoint": "https://api.example/token",
            "jwks_uri": "https://api.example/.well-known/jwks.json",
            "response_types_supported": ["none"],
            "grant_types_supported": ["refresh_token"],
            "token_endpoint_auth_methods_supported": ["none"],
            "revocation_endpoint": "https://api.example/revoke",
            "revocation_endpoint_auth_methods_supported": ["none"],
        })
    );
}

#[tokio::test]
async fn introspection_is_listed_if_it_is_enabled() {
    let secret = "0123456789abcdef0123456789abcdef".parse().unwrap();
    let server = Server::open_with(|config| config.introspection_secrets = vec![secret]).await;

    let metadata = server.send(get(WELL_KNOWN)).await.json();

    assert_eq!(metadata["introspection_endpoint"], "http://localhost:8000/introspect");
    assert_eq!(metadata["introspection_endpoint_auth_methods_supported"], json!(["client_secret_basic"]));
}

#[tokio::test]
async fn the_path_of_the_issuer_is_appended_to_the_well_known_path() {
    for (issuer, path, wrong_paths) in [
        ("https://a.example/tenant", "/tenant", vec!["", "/", "/tenant/", "/tenan", "/tenant/x"]),
        ("https://a.example/a/b", "/a/b", vec!["", "/a", "/a%2Fb", "/b"]),
        // RFC 8414 §3.1: a trailing slash is removed before the path is appended. The `issuer` member keeps it.
        ("https://a.example/tenant/", "/tenant", vec!["", "/tenant/"]),
        ("https://a.example/", "", vec!["/", "/x"]),
    ] {
        let server = with_issuer(issuer).await;
        let metadata = server.send(get(&format!("{WELL_KNOWN}{path}"))).await.json();
        assert_eq!(metadata["issuer"], issuer);
        assert_eq!(metadata["token_endpoint"], format!("{}/token", issuer.trim_end_matches('/')));
        for path in wrong_paths {
            assert_eq!(server.send(get(&format!("{WELL_KNOWN}{path}"))).await.status, 404, "{issuer} {path}");
        }
    }
}

#[tokio::test]
async fn the_openid_configuration_has_the_metadata_and_the_members_that_openid_connect_requires() {
    const OPENID: &str = "/.well-known/openid-configuration";
    for (issuer, path) in [("https://api.example", ""), ("https://a.example/tenant/", "/tenant")] {
        let server = with_issuer(issuer).await;
        let metadata = server.send(get(&format!("{WELL_KNOWN}{path}"))).await.json();

        let response = server.send(get(OPENID)).await;

        assert_eq!(response.header("content-type"), "application/json");
        assert_eq!(response.header("cache-control"), "public, max-age=300");
        let mut expected = metadata;
        let base = issuer.trim_end_matches('/');
        expected["authorization_endpoint"] = format!("{base}/authorize").into();
        expected["subject_types_supported"] = json!(["public"]);
        expected["id_token_signing_alg_values_supported"] = json!(["EdDSA"]);
        assert_eq!(response.json(), expected);
        assert_eq!(server.send(get(&format!("{OPENID}{path}"))).await.json(), expected);
        server.send(get(&format!("{OPENID}/other"))).await.assert_problem(404);
        server.send(get("/authorize")).await.assert_problem(404);
    }
}
