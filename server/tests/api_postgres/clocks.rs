//! The clock of the database server.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use guestpass_server::{Clock, ClockDoubt, Config, Guestpass, SweepError, SystemClock, Timestamp};
use http_body_util::BodyExt;
use tower::ServiceExt;

use crate::support::postgres;

/// The connections of the server find this function before that of PostgreSQL.
fn set_back(database: &postgres::Database, by: &str) {
    database.execute(&format!(
        "CREATE OR REPLACE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql
         AS 'SELECT pg_catalog.clock_timestamp() - interval ''{by}'''"
    ));
}

#[tokio::test]
async fn s15_a_server_whose_clock_differs_from_that_of_the_database_removes_no_guest() {
    let database = postgres::database();
    set_back(&database, "0 s");
    let url = format!("{}?options=-c%20search_path%3Dpublic,pg_catalog", database.url);
    let config = Config { store: url.parse().unwrap(), ..Config::default() };
    let guestpass = Guestpass::open(config).await.unwrap();
    assert_eq!(guestpass.sweep().await.unwrap().guests, 0);

    set_back(&database, "1 year");
    let swept = guestpass.sweep().await;
    assert!(matches!(swept, Err(SweepError::Clock(ClockDoubt::DiffersFromDatabase(_)))), "{swept:?}");

    set_back(&database, "0 s");
    assert!(guestpass.sweep().await.is_ok());
    guestpass.close().await.unwrap();
}

/// The clock of a machine that differs from the others.
#[derive(Debug)]
struct Differing {
    ahead: i64,
}

impl Clock for Differing {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(SystemClock.now().as_millis() + self.ahead * 1000)
    }

    fn steady(&self) -> Option<Duration> {
        SystemClock.steady()
    }
}

/// The status of `GET /me` at one node for a guest of another node, and the metrics of the first one.
async fn status_of_a_new_guest(issuing: &Guestpass, asked: &Guestpass) -> (u16, String) {
    let login = Request::post("/anonymous-login").header("content-type", "application/json");
    let login = login.body(Body::from("{\"refresh\": true}")).unwrap();
    let response = issuing.router().oneshot(login).await.unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let tokens: serde_json::Value = serde_json::from_slice(&body).unwrap();
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    let me = Request::get("/me").header("authorization", bearer).body(Body::empty()).unwrap();
    let status = asked.router().oneshot(me).await.unwrap().status().as_u16();
    let metrics = asked.metrics_router().oneshot(Request::get("/metrics").body(Body::empty()).unwrap()).await.unwrap();
    let metrics = metrics.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(metrics.to_vec()).unwrap())
}

#[tokio::test]
async fn s15_a_node_whose_clock_differs_a_little_accepts_the_tokens_of_the_others_and_says_so() {
    let database = postgres::database();
    let open = async |ahead| {
        let config = Config { store: database.url.parse().unwrap(), ..Config::default() };
        Guestpass::open_at(config, Arc::new(Differing { ahead })).await.unwrap()
    };
    let (right, behind, ahead) = (open(0).await, open(-8).await, open(8).await);

    for (issuing, asked, is_noticed) in
        [(&right, &behind, true), (&ahead, &right, false), (&ahead, &behind, true), (&behind, &ahead, false)]
    {
        for _ in 0..3 {
            let (status, metrics) = status_of_a_new_guest(issuing, asked).await;
            assert_eq!(status, 200);
            assert_eq!(!metrics.contains("guestpass_future_tokens_total 0\n"), is_noticed, "{metrics}");
        }
    }
    for node in [right, behind, ahead] {
        node.close().await.unwrap();
    }
}
