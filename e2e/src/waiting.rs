//! Waiting for something to become so, with the last reason why it was not.

use std::time::Duration;

use anyhow::Context as _;
use tokio::time::Instant;

/// How often to look. Looking is a request to a loopback address.
const PAUSE: Duration = Duration::from_millis(40);

/// Looks again and again until `look` gives a value. What it complained of last is the cause of the error.
///
/// # Errors
/// It never gave one within the limit.
pub(crate) async fn eventually<T>(
    what: &str,
    limit: Duration,
    mut look: impl AsyncFnMut() -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let deadline = Instant::now() + limit;
    loop {
        match look().await {
            Ok(value) => return Ok(value),
            Err(error) if Instant::now() >= deadline => {
                return Err(error).with_context(|| format!("{what}: not within {} s", limit.as_secs()));
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}
