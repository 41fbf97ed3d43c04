//! A client whose inside can be exchanged.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use http::{Request, Response};
use http_body::{Frame, SizeHint};
use kube::client::Body;
use parking_lot::RwLock;
use tokio::sync::watch;
use tower::{BoxError, Service};

/// The client of one plane, through all rotations of its credentials.
///
/// Everyone who holds [`client`](Self::client), or a watcher on it, uses what [`replace`](Self::replace) gave last for
/// the next request. Responses that are under way, watches above all, go on where they are: a rotation lists nothing
/// anew. For another cluster make another `PlaneClient`, since revisions of one mean nothing in the other.
#[derive(Clone)]
pub struct PlaneClient {
    outer: kube::Client,
    inner: Arc<Inner>,
}

struct Inner {
    /// Nothing while the client is closed.
    current: RwLock<Option<kube::Client>>,
    /// Counts how often it has been closed.
    closings: watch::Sender<u64>,
}

/// The plane has no usable registration any more, so its client makes no requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the client of the plane is closed: its registration is gone or cannot be used")]
pub struct PlaneClosed;

impl fmt::Debug for PlaneClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlaneClient").field("closed", &self.is_closed()).finish_non_exhaustive()
    }
}

impl PlaneClient {
    /// Wraps a client. Like every [`kube::Client`], it is made within a runtime.
    pub fn new(client: kube::Client) -> Self {
        let namespace = client.default_namespace().to_owned();
        let inner = Arc::new(Inner { current: RwLock::new(Some(client)), closings: watch::Sender::new(0) });
        let outer = kube::Client::new(Exchange(Arc::clone(&inner)), namespace);
        Self { outer, inner }
    }

    /// The client to use and to hand out.
    pub fn client(&self) -> kube::Client {
        self.outer.clone()
    }

    /// Uses another client of the same cluster from now on. Opens a closed client again.
    pub fn replace(&self, client: kube::Client) {
        *self.inner.current.write() = Some(client);
    }

    /// Drops the client that is used: what is under way ends with [`PlaneClosed`], and so does every later request,
    /// until [`replace`](Self::replace).
    pub fn close(&self) {
        *self.inner.current.write() = None;
        self.inner.closings.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Whether the client is closed.
    pub fn is_closed(&self) -> bool {
        self.inner.current.read().is_none()
    }
}

/// Sends each request with the client that is current then.
struct Exchange(Arc<Inner>);

impl Service<Request<Body>> for Exchange {
    type Response = Response<Cut>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // Subscribed before the client is read, so that no closing falls between.
        let mut closed = closing(&self.0);
        let current = self.0.current.read().clone();
        async move {
            let Some(client) = current else { return Err(PlaneClosed.into()) };
            tokio::select! {
                response = client.send(request) => Ok(response?.map(|inner| Cut { inner, closed: Some(closed) })),
                () = &mut closed => Err(PlaneClosed.into()),
            }
        }
        .boxed()
    }
}

/// Resolves when the client is closed the next time.
fn closing(inner: &Inner) -> BoxFuture<'static, ()> {
    let mut closings = inner.closings.subscribe();
    async move {
        // Where everyone who could close it is gone, responses end by themselves.
        if closings.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
    .boxed()
}

/// A response that ends when the client is closed.
struct Cut {
    inner: Body,
    /// Nothing once it has ended so.
    closed: Option<BoxFuture<'static, ()>>,
}

impl http_body::Body for Cut {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let Some(closed) = &mut self.closed else { return Poll::Ready(None) };
        if closed.poll_unpin(cx).is_ready() {
            self.closed = None;
            return Poll::Ready(Some(Err(PlaneClosed.into())));
        }
        Pin::new(&mut self.inner).poll_frame(cx).map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
