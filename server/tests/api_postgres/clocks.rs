//! The clock of the database server.

use guestpass_server::{ClockDoubt, Config, Guestpass, SweepError};

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
