//! `/me/cart`

use axum::http::Request;
use serde_json::{Value, json};

use crate::support::{Server, authorized};

async fn cart(server: &Server, token: &str) -> Value {
    server.get("/me/cart", token).await.json()
}

/// The lines of a cart as (item ID, quantity).
fn quantities(cart: &Value) -> Vec<(i64, i64)> {
    let lines = cart["lines"].as_array().unwrap();
    lines.iter().map(|line| (line["item_id"].as_i64().unwrap(), line["quantity"].as_i64().unwrap())).collect()
}

#[tokio::test]
async fn a_new_guest_has_an_empty_cart() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;

    assert_eq!(cart(&server, &token).await, json!({ "lines": [], "total_cents": 0, "currency": "EUR" }));
}

#[tokio::test]
async fn a_cart_line_has_the_name_price_emoji_and_quantity_of_its_item() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;

    let response = server.call("POST", "/me/cart", &token, json!({ "item_id": 2, "quantity": 2 })).await;

    let expected = json!({
        "lines": [{
            "item_id": 2, "name": "Morning mug", "price_cents": 1290, "currency": "EUR", "emoji": "☕", "quantity": 2,
        }],
        "total_cents": 2580,
        "currency": "EUR",
    });
    assert_eq!(response.status, 200);
    assert_eq!(response.json(), expected);
    assert_eq!(cart(&server, &token).await, expected);
}

#[tokio::test]
async fn post_adds_to_the_quantity_up_to_99_and_put_replaces_it() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;
    let add = |quantity: i64| server.call("POST", "/me/cart", &token, json!({ "item_id": 1, "quantity": quantity }));
    let set = |quantity: i64| server.call("PUT", "/me/cart/1", &token, json!({ "quantity": quantity }));

    assert_eq!(quantities(&add(2).await.json()), [(1, 2)]);
    assert_eq!(quantities(&add(3).await.json()), [(1, 5)]);
    assert_eq!(quantities(&set(7).await.json()), [(1, 7)]);
    assert_eq!(quantities(&add(95).await.json()), [(1, 99)]);
    assert_eq!(quantities(&set(1).await.json()), [(1, 1)]);
    assert_eq!(quantities(&add(i64::MAX).await.json()), [(1, 99)]);
}

#[tokio::test]
async fn put_adds_an_item_that_is_not_in_the_cart() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;

    let response = server.call("PUT", "/me/cart/5", &token, json!({ "quantity": 4 })).await;

    assert_eq!(quantities(&response.json()), [(5, 4)]);
}

#[tokio::test]
async fn lines_keep_the_order_in_which_they_were_added() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;

    for item in [9, 3, 6] {
        server.clock.advance(std::time::Duration::from_millis(1));
        server.call("POST", "/me/cart", &token, json!({ "item_id": item, "quantity": 1 })).await;
    }
    server.call("PUT", "/me/cart/9", &token, json!({ "quantity": 2 })).await;

    assert_eq!(quantities(&cart(&server, &token).await), [(9, 2), (3, 1), (6, 1)]);
}

#[tokio::test]
async fn removing_an_item_twice_succeeds() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;
    server.call("POST", "/me/cart", &token, json!({ "item_id": 1, "quantity": 1 })).await;

    for _ in 0..2 {
        let response = server.send(authorized("DELETE", "/me/cart/1", &token, None)).await;
        assert_eq!(response.status, 200);
        assert_eq!(quantities(&response.json()), []);
    }
}

#[tokio::test]
async fn guests_do_not_see_each_others_carts() {
    let server = Server::open().await;
    let (one, two) = (server.anonymous_login().await.access, server.anonymous_login().await.access);

    server.call("POST", "/me/cart", &one, json!({ "item_id": 1, "quantity": 1 })).await;

    assert_eq!(quantities(&cart(&server, &two).await), []);
}

#[tokio::test]
async fn s05_a_cart_survives_a_restart_and_a_refresh() {
    let server = Server::open().await;
    let tokens = server.anonymous_login().await;
    server.call("POST", "/me/cart", &tokens.access, json!({ "item_id": 4, "quantity": 2 })).await;

    let server = server.restart().await;
    let fresh = server.refresh(&tokens.refresh).await.tokens();

    assert_eq!(quantities(&cart(&server, &fresh.access).await), [(4, 2)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_additions_are_all_counted() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;

    let body = json!({ "item_id": 1, "quantity": 1 });
    server.send_concurrently(40, || authorized("POST", "/me/cart", &token, Some(body.clone()))).await;

    assert_eq!(quantities(&cart(&server, &token).await), [(1, 40)]);
}

#[tokio::test]
async fn a_whole_number_may_be_written_with_a_decimal_point() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;

    server.call("POST", "/me/cart", &token, json!({ "item_id": 3.0, "quantity": 2.0 })).await;
    let response = server.call("PUT", "/me/cart/4", &token, json!({ "quantity": 5e0 })).await;

    assert_eq!(quantities(&response.json()), [(3, 2), (4, 5)]);
}

#[tokio::test]
async fn s11_invalid_input_gets_a_specific_status_and_changes_nothing() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;

    for (method, path, body, status) in [
        ("POST", "/me/cart", json!({ "item_id": 999, "quantity": 1 }), 404),
        ("POST", "/me/cart", json!({ "item_id": -1, "quantity": 1 }), 404),
        ("POST", "/me/cart", json!({ "item_id": 1, "quantity": 0 }), 422),
        ("POST", "/me/cart", json!({ "item_id": 1, "quantity": -5 }), 422),
        ("POST", "/me/cart", json!({ "item_id": 1, "quantity": 1.5 }), 422),
        ("POST", "/me/cart", json!({ "item_id": 1, "quantity": 1e300 }), 422),
        ("POST", "/me/cart", json!({ "item_id": 1, "quantity": 9_223_372_036_854_775_808_u64 }), 422),
        ("POST", "/me/cart", json!({ "item_id": "1", "quantity": 1 }), 422),
        ("POST", "/me/cart", json!({ "item_id": 1 }), 422),
        ("POST", "/me/cart", json!([1, 1]), 422),
        ("PUT", "/me/cart/999", json!({ "quantity": 1 }), 404),
        ("PUT", "/me/cart/teapot", json!({ "quantity": 1 }), 404),
        ("PUT", "/me/cart/99999999999999999999", json!({ "quantity": 1 }), 404),
        ("PUT", "/me/cart/1", json!({ "quantity": 0 }), 422),
        ("PUT", "/me/cart/1", json!({ "quantity": 100 }), 422),
        ("DELETE", "/me/cart/teapot", json!(null), 404),
        ("PATCH", "/me/cart/1", json!({}), 405),
    ] {
        server.call(method, path, &token, body).await.assert_problem(status);
    }
    for (content_type, body, status) in [("application/json", "{", 400), ("text/plain", "{}", 415)] {
        let request = Request::post("/me/cart")
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", content_type)
            .body(body.into())
            .unwrap();
        server.send(request).await.assert_problem(status);
    }

    assert_eq!(quantities(&cart(&server, &token).await), []);
}

#[tokio::test]
async fn every_method_needs_a_token() {
    let server = Server::open().await;

    for (method, path) in [("GET", "/me/cart"), ("POST", "/me/cart"), ("PUT", "/me/cart/1"), ("DELETE", "/me/cart/1")] {
        let request = Request::builder().method(method).uri(path).body("".into()).unwrap();
        server.send(request).await.assert_problem(401);
    }
}
