//! `GET /items/`

use serde_json::json;

use crate::support::{SECOND, Server};

#[tokio::test]
async fn a_guest_gets_the_catalogue() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;

    let response = server.get("/items/", &token).await;

    assert_eq!(response.status, 200);
    let catalogue = response.json();
    assert_eq!(catalogue["items"].as_array().map(Vec::len), Some(12));
    assert_eq!(
        catalogue["items"][0],
        json!({
            "id": 1,
            "name": "Stoneware teapot",
            "description": "Holds four cups and pours without a drip.",
            "price_cents": 3490,
            "currency": "EUR",
            "emoji": "🫖",
            "category": "kitchen",
            "favorite": false,
            "viewed_at": null,
        })
    );
    assert_eq!(catalogue["recently_seen"], json!([]));
    assert_eq!(catalogue["recommended"], json!([]));
}

#[tokio::test]
async fn the_catalogue_has_the_history_favorites_and_recommendations_of_the_guest() {
    let server = Server::open().await;
    let (token, other) = (server.anonymous_login().await.access, server.anonymous_login().await.access);
    for path in ["/me/history/1", "/me/history/8", "/me/favorites/3"] {
        server.clock.advance(SECOND);
        server.call("PUT", path, &token, json!({})).await;
    }
    server.call("POST", "/me/cart", &token, json!({ "item_id": 4, "quantity": 1 })).await;

    let catalogue = server.get("/items/", &token).await.json();

    let favorite_and_viewed_at =
        |index: usize| (&catalogue["items"][index]["favorite"], &catalogue["items"][index]["viewed_at"]);
    assert_eq!(favorite_and_viewed_at(0), (&json!(false), &json!("2027-01-15T08:00:01.250Z")));
    assert_eq!(favorite_and_viewed_at(2), (&json!(true), &json!(null)));
    assert_eq!(favorite_and_viewed_at(4), (&json!(false), &json!(null)));
    assert_eq!(catalogue["recently_seen"], json!([8, 1]));
    // Favorites rank above viewed items; item 4 is not recommended, because it is in the cart.
    assert_eq!(
        catalogue["recommended"],
        json!([
            { "item_id": 5, "because": 3, "reason": "Because Wool blanket is one of your favourites." },
            { "item_id": 9, "because": 8, "reason": "Because you looked at Forest honey." },
            { "item_id": 10, "because": 8, "reason": "Because you looked at Forest honey." },
            { "item_id": 2, "because": 1, "reason": "Because you looked at Stoneware teapot." },
        ])
    );
    assert_eq!(server.get("/items/", &token).await.json(), catalogue, "the response is the same each time");
    assert_eq!(server.get("/items/", &other).await.json()["recommended"], json!([]));
}
