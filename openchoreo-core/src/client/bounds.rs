//! How much a plane may answer: a hostile one cannot exhaust the memory of whoever asks it.
//!
//! A response is read whole before it is parsed, so its size is bounded. A watch has no end, so each of its events is. Of
//! streams that their reader consumes as they come (logs that are followed) nothing is bounded, since nothing is kept.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Request;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tower::BoxError;

/// The most bytes of one response that is no watch, 64 MiB: a page of 500 objects of 128 KiB each.
pub const WHOLE_RESPONSE_LIMIT: usize = 64 << 20;
/// The most bytes of one event of a watch, 8 MiB: API servers take no object of half that size.
pub const WATCH_EVENT_LIMIT: usize = 8 << 20;

/// A plane answered more than it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the answer is longer than {limit} bytes")]
pub struct ResponseTooLong {
    /// How many bytes it may have.
    pub limit: usize,
}

/// The bound of one response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    /// None.
    Endless,
    /// Of all of it.
    Whole { seen: usize },
    /// Of each line, as watches send their events.
    Line { seen: usize },
}

impl Bound {
    /// By what is asked for.
    pub(super) fn of<B>(request: &Request<B>) -> Self {
        let query = request.uri().query().unwrap_or_default();
        let asks = |name: &str| {
            query.split('&').any(|pair| {
                pair.strip_prefix(name).and_then(|rest| rest.strip_prefix('=')).is_some_and(|v| v == "true" || v == "1")
            })
        };
        if asks("watch") {
            Self::Line { seen: 0 }
        } else if asks("follow") {
            Self::Endless
        } else {
            Self::Whole { seen: 0 }
        }
    }

    /// Counts what has come.
    fn take(&mut self, bytes: &[u8]) -> Result<(), ResponseTooLong> {
        let (seen, limit) = match self {
            Self::Endless => return Ok(()),
            Self::Whole { seen } => {
                *seen = seen.saturating_add(bytes.len());
                (*seen, WHOLE_RESPONSE_LIMIT)
            }
            Self::Line { seen } => {
                let mut longest = 0;
                for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
                    *seen = if index == 0 { seen.saturating_add(line.len()) } else { line.len() };
                    longest = longest.max(*seen);
                }
                (longest, WATCH_EVENT_LIMIT)
            }
        };
        if seen > limit { Err(ResponseTooLong { limit }) } else { Ok(()) }
    }
}

/// A response body with a bound. After an error it has ended.
pub(super) struct Bounded {
    inner: Incoming,
    bound: Bound,
    is_over: bool,
}

impl Bounded {
    pub(super) fn new(inner: Incoming, bound: Bound) -> Self {
        Self { inner, bound, is_over: false }
    }
}

impl Body for Bounded {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let frame = std::task::ready!(Pin::new(&mut self.inner).poll_frame(cx));
        Poll::Ready(frame.map(|frame| {
            let frame = frame?;
            if let Some(data) = frame.data_ref()
                && let Err(error) = self.bound.take(data)
            {
                self.is_over = true;
                return Err(error.into());
            }
            Ok(frame)
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.is_over || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(uri: &str) -> Bound {
        Bound::of(&Request::builder().uri(uri).body(()).unwrap_or_default())
    }

    #[test]
    fn a_response_is_bounded_by_what_is_asked_for() {
        assert_eq!(bound("/api/v1/pods?limit=500"), Bound::Whole { seen: 0 });
        assert_eq!(bound("/api/v1/pods?labelSelector=watch%3Dtrue"), Bound::Whole { seen: 0 });
        assert_eq!(bound("/api/v1/pods?&watch=true&timeoutSeconds=290"), Bound::Line { seen: 0 });
        assert_eq!(bound("/api/v1/namespaces/a/pods/b/log?&follow=true"), Bound::Endless);
    }

    #[test]
    fn a_watch_is_bounded_by_the_event() {
        let mut bound = Bound::Line { seen: 0 };
        let half = vec![b'x'; WATCH_EVENT_LIMIT / 2 + 1];
        assert_eq!(bound.take(&half), Ok(()));
        assert_eq!(bound.take(b"\n"), Ok(()));
        assert_eq!(bound.take(&half), Ok(()));
        assert_eq!(bound.take(&half), Err(ResponseTooLong { limit: WATCH_EVENT_LIMIT }));
    }

    #[test]
    fn a_whole_response_is_bounded_over_all_its_parts() {
        let mut bound = Bound::Whole { seen: 0 };
        let part = vec![b'\n'; WHOLE_RESPONSE_LIMIT / 2];
        assert_eq!(bound.take(&part), Ok(()));
        assert_eq!(bound.take(&part), Ok(()));
        assert_eq!(bound.take(b"\n"), Err(ResponseTooLong { limit: WHOLE_RESPONSE_LIMIT }));
    }
}
