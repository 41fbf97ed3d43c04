//! Bodies of responses: bytes, or the endless text of a watch.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::watch::Watch;

/// The body of a [`Server`](super::Server)'s response.
pub struct ResponseBody(Content);

enum Content {
    Full(Bytes),
    Watch(NextChunk),
    Done,
}

/// A watch on its way to the next chunk of text, which is absent at the end.
type NextChunk = Pin<Box<dyn Future<Output = (Watch, Option<Bytes>)> + Send>>;

impl ResponseBody {
    pub(super) fn full(bytes: impl Into<Bytes>) -> Self {
        Self(Content::Full(bytes.into()))
    }

    pub(super) fn watch(watch: Watch) -> Self {
        Self(Content::Watch(Box::pin(advance(watch))))
    }
}

async fn advance(mut watch: Watch) -> (Watch, Option<Bytes>) {
    let chunk = watch.next().await;
    (watch, chunk)
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut self.0 {
            Content::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                self.0 = Content::Done;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Content::Watch(next) => match next.as_mut().poll(context) {
                Poll::Pending => Poll::Pending,
                Poll::Ready((watch, Some(chunk))) => {
                    self.0 = Content::Watch(Box::pin(advance(watch)));
                    Poll::Ready(Some(Ok(Frame::data(chunk))))
                }
                Poll::Ready((_, None)) => {
                    self.0 = Content::Done;
                    Poll::Ready(None)
                }
            },
            Content::Done => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.0, Content::Done)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Content::Full(bytes) => SizeHint::with_exact(u64::try_from(bytes.len()).unwrap_or(u64::MAX)),
            Content::Watch(_) => SizeHint::default(),
            Content::Done => SizeHint::with_exact(0),
        }
    }
}

impl fmt::Debug for ResponseBody {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let content = match &self.0 {
            Content::Full(_) => "Full",
            Content::Watch(_) => "Watch",
            Content::Done => "Done",
        };
        formatter.debug_tuple("ResponseBody").field(&content).finish()
    }
}
