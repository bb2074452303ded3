//! Waits for conditions.

use std::time::Duration;

use tokio::time::sleep;

/// Waits for a condition, in real time; fails the test after 20 seconds. `description` is the condition in words.
pub(crate) async fn until<F: Future<Output = bool>>(description: &str, mut condition: impl FnMut() -> F) {
    for _ in 0..1000 {
        if condition().await {
            return;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("after 20 seconds, this condition is still not met: {description}");
}
