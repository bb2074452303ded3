//! Waiting for a condition instead of sleeping.

use std::time::Duration;

use tokio::time::sleep;

/// Waits for a condition, in real time; fails the test after twenty seconds. `what` is the condition in words.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    for _ in 0..1000 {
        if condition().await {
            return;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("waited in vain until {what}");
}
