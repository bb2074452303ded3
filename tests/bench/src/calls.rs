//! Processor time of calls of the router in one thread, without a socket.

use std::error::Error;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use axum::http::header::AUTHORIZATION;
use rustix::time::{ClockId, clock_gettime};
use serde::Deserialize;
use tower::Service as _;

/// The tokens that take turns, and the calls of one batch.
const TOKENS: usize = 1000;
/// Batches of each path in a round.
const BATCHES: usize = 30;
const PATHS: [&str; 2] = ["/open", "/guest"];

#[derive(Deserialize)]
struct Login {
    access_token: String,
}

/// Prints the nanoseconds of processor time of one call of each path, a line of JSON for each round. The paths take turns.
pub(crate) async fn measure(mut app: Router, rounds: usize) -> Result<(), Box<dyn Error>> {
    let mut tokens = Vec::new();
    for _ in 0..TOKENS {
        let login = app.call(Request::post("/anonymous-login").body(Body::empty())?).await?;
        let login: Login = serde_json::from_slice(&to_bytes(login.into_body(), usize::MAX).await?)?;
        tokens.push(login.access_token);
    }
    for path in PATHS {
        // The first call with a token verifies its signature.
        batch(&mut app, path, &tokens).await?;
    }
    for _ in 0..rounds {
        let mut times = [Duration::ZERO; PATHS.len()];
        for _ in 0..BATCHES {
            for (time, path) in times.iter_mut().zip(PATHS) {
                *time += batch(&mut app, path, &tokens).await?;
            }
        }
        let [open, guest] = times.map(|time| time.as_nanos() / (BATCHES * TOKENS) as u128);
        println!(r#"{{"open":{open},"guest":{guest}}}"#);
    }
    Ok(())
}

/// The processor time of one call with each token. The requests are made before.
async fn batch(app: &mut Router, path: &str, tokens: &[String]) -> Result<Duration, Box<dyn Error>> {
    let request = |token| Request::get(path).header(AUTHORIZATION, format!("Bearer {token}")).body(Body::empty());
    let requests = tokens.iter().map(request).collect::<Result<Vec<_>, _>>()?;
    let before = processor_time();
    for request in requests {
        if !app.call(request).await?.status().is_success() {
            return Err(format!("a call of {path} failed").into());
        }
    }
    Ok(processor_time().saturating_sub(before))
}

/// The time that this thread has run.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}
