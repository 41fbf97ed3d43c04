//! The HTTP face: paths, verbs, media types, bodies and statuses.
//!
//! One request is answered in one place and order: who asks, what for, may they, and then the handler of the verb.
//! Handlers are synchronous; only watches wait, inside the body of their response.

mod body;
mod discovery;
mod list;
mod media;
mod objects;
mod request;
mod reviews;
mod scale;
mod watch;

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use parking_lot::RwLock;
use serde_json::{Value, json};

pub use body::ResponseBody;
pub use request::RequestInfo;

use crate::auth::{AllowAll, Authorizer, Connection, Decision, User, service_account_of};
use crate::clock::Clock;
use crate::error::ApiError;
use crate::registry::Kind;
use crate::state::State;
use request::{Query, Target};

/// The largest body that is read, as in Kubernetes.
const BODY_LIMIT: usize = 3 * 1024 * 1024;

/// What distinguishes one server from another.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// Where timestamps come from.
    pub clock: Clock,
    /// How many changes of each resource are remembered for watches to resume from and for lists to be continued.
    pub history_length: usize,
    /// Decides about each request; without one, all is allowed.
    pub authorizer: Option<Arc<dyn Authorizer>>,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self { clock: Clock::system(), history_length: 8192, authorizer: None }
    }
}

/// A Kubernetes-compatible API server. Clones share their state.
///
/// See the [crate documentation](crate) for an example.
#[derive(Debug, Clone)]
pub struct Server {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    state: RwLock<State>,
    clock: Clock,
    authorizer: Arc<dyn Authorizer>,
    /// Bearer tokens with fixed users.
    static_tokens: RwLock<Vec<(String, User)>>,
}

impl Default for Server {
    fn default() -> Self {
        Self::new(ServerSettings::default())
    }
}

impl Server {
    /// A server with the objects that every cluster has.
    pub fn new(settings: ServerSettings) -> Self {
        let state = State::new(settings.clock.clone(), settings.history_length);
        Self {
            inner: Arc::new(Inner {
                state: RwLock::new(state),
                clock: settings.clock,
                authorizer: settings.authorizer.unwrap_or_else(|| Arc::new(AllowAll)),
                static_tokens: RwLock::default(),
            }),
        }
    }

    /// A client of this server, without a socket in between. Must be called within a Tokio runtime.
    pub fn client(&self) -> kube::Client {
        kube::Client::new(self.clone(), "default")
    }

    /// Lets a bearer token log in as a user.
    pub fn add_token(&self, token: impl Into<String>, user: User) {
        self.inner.static_tokens.write().push((token.into(), user));
    }

    /// Takes back what [`add_token`](Self::add_token) gave.
    pub fn revoke_token(&self, token: &str) {
        self.inner.static_tokens.write().retain(|(known, _)| known != token);
    }

    /// Publishes a certificate authority, in PEM, to the workloads of this server: in each namespace's config map
    /// `kube-root-ca.crt` and in the secrets of service accounts. A listener does so with its own.
    pub fn publish_authority(&self, pem: &str) {
        crate::controllers::publish_authority(&mut self.inner.state.write(), pem);
    }

    /// The user that a bearer token logs in as.
    pub(crate) fn user_of_token(&self, token: &str) -> Option<User> {
        let fixed =
            self.inner.static_tokens.read().iter().find(|(known, _)| known == token).map(|(_, user)| user.clone());
        fixed.or_else(|| service_account_of(&self.inner.state.read(), token))
    }

    fn authenticate(&self, parts: &http::request::Parts) -> Result<User, ApiError> {
        if let Some(header) = parts.headers.get(header::AUTHORIZATION) {
            let token = header.to_str().ok().and_then(|text| text.strip_prefix("Bearer ")).map(str::trim);
            return token.and_then(|token| self.user_of_token(token)).ok_or_else(ApiError::unauthorized);
        }
        match parts.extensions.get::<Connection>() {
            Some(Connection::Remote(Some(user))) => Ok(user.clone()),
            Some(Connection::Remote(None)) => Ok(User::anonymous()),
            None => Ok(User::admin()),
        }
    }

    fn respond(&self, parts: &http::request::Parts, body: &[u8]) -> Response<ResponseBody> {
        self.answer(parts, body).unwrap_or_else(|error| {
            let status = StatusCode::from_u16(error.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let mut response = json_response(status, &error.to_status());
            if error.reason == "Timeout" {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            response
        })
    }

    fn answer(&self, parts: &http::request::Parts, body: &[u8]) -> Result<Response<ResponseBody>, ApiError> {
        let user = self.authenticate(parts)?;
        let query = Query::parse(parts.uri.query().unwrap_or_default());
        let target = Target::parse(parts.uri.path());
        let info = RequestInfo::new(&parts.method, parts.uri.path(), &target, &query);
        if user == User::anonymous() && !discovery::is_public(parts.uri.path()) {
            return Err(ApiError::unauthorized());
        }
        if let Decision::Deny(why) = self.inner.authorizer.authorize(&user, &info) {
            let kind = self.find_kind(&target).ok();
            return Err(match kind {
                Some(kind) => ApiError::forbidden(&kind, target.name.unwrap_or_default(), &why),
                None => ApiError::forbidden_request(&why),
            });
        }
        let request = Incoming { server: self, user: &user, headers: &parts.headers, query: &query, body };
        if target.resource.is_none() {
            return discovery::respond(&request, &parts.method, parts.uri.path());
        }
        let kind = self.find_kind(&target)?;
        objects::respond(&request, &parts.method, &kind, &target)
    }

    fn find_kind(&self, target: &Target<'_>) -> Result<Arc<Kind>, ApiError> {
        let plural = target.resource.unwrap_or_default();
        let state = self.inner.state.read();
        let kind = state.registry.find(target.group, target.version, plural).ok_or_else(ApiError::no_such_resource)?;
        if target.namespace.is_some() && !kind.namespaced {
            return Err(ApiError::no_such_resource());
        }
        if target.name.is_some() && target.namespace.is_none() && kind.namespaced {
            return Err(ApiError::no_such_resource());
        }
        Ok(Arc::clone(kind))
    }
}

/// A request whose sender is known.
struct Incoming<'a> {
    server: &'a Server,
    user: &'a User,
    headers: &'a HeaderMap,
    query: &'a Query,
    body: &'a [u8],
}

impl Incoming<'_> {
    fn state(&self) -> &RwLock<State> {
        &self.server.inner.state
    }
}

impl<B> tower::Service<Request<B>> for Server
where
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Response<ResponseBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let server = self.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let response = match Limited::new(body, BODY_LIMIT).collect().await {
                Ok(body) => server.respond(&parts, &body.to_bytes()),
                Err(_) => json_response(StatusCode::PAYLOAD_TOO_LARGE, &ApiError::too_large(BODY_LIMIT).to_status()),
            };
            tracing::debug!(method = %parts.method, path = parts.uri.path(), status = response.status().as_u16(), "answered");
            Ok(response)
        })
    }
}

fn json_response(status: StatusCode, body: &Value) -> Response<ResponseBody> {
    response(status, "application/json", body.to_string().into_bytes())
}

fn response(status: StatusCode, content_type: &'static str, body: Vec<u8>) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::full(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    response
}

/// The answer to a request that succeeded and has no object to show.
fn success(details: Value) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})
}
