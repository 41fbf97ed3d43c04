//! The server's notion of now, given from outside so that tests decide what time it is.
//!
//! Only stored timestamps come from here. The lengths of watches are measured by the runtime's timer, which tests
//! control by pausing it.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

/// Where timestamps in stored objects come from.
///
/// ```
/// use openchoreo_embedded::Clock;
/// let new_year: jiff::Timestamp = "2026-01-01T00:00:00Z".parse()?;
/// assert_eq!(Clock::fixed(new_year).now(), new_year);
/// # Ok::<(), jiff::Error>(())
/// ```
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self::from_fn(Timestamp::now)
    }

    /// A clock that stands still.
    pub fn fixed(time: Timestamp) -> Self {
        Self::from_fn(move || time)
    }

    /// A clock that asks `now` each time.
    pub fn from_fn(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The present.
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }

    /// The present as Kubernetes writes it in metadata: RFC 3339 with whole seconds.
    pub(crate) fn stamp(&self) -> String {
        self.now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::system()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Clock").field(&self.now()).finish()
    }
}
