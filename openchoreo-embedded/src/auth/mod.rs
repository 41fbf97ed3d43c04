//! Who asks, and whether they may.
//!
//! Authentication is by the connection's client certificate or a bearer token. Authorization is a seam: unless a server
//! is given an [`Authorizer`], whoever is authenticated may do everything. Stored roles are not evaluated.

use std::fmt;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::service::RequestInfo;
use crate::state::State;
use crate::store::{ObjectKey, ObjectRef};
use crate::value;

/// Someone who makes requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name, such as `system:serviceaccount:default:builder`.
    pub name: String,
    /// The groups that the user belongs to.
    pub groups: Vec<String>,
}

impl User {
    /// The administrator, whom in-process requests come from.
    pub fn admin() -> Self {
        Self { name: "kubernetes-admin".into(), groups: vec!["system:masters".into(), "system:authenticated".into()] }
    }

    /// A client that gave no credentials.
    pub fn anonymous() -> Self {
        Self { name: "system:anonymous".into(), groups: vec!["system:unauthenticated".into()] }
    }

    /// The service account of a name in a namespace.
    pub fn service_account(namespace: &str, name: &str) -> Self {
        Self {
            name: format!("system:serviceaccount:{namespace}:{name}"),
            groups: vec![
                "system:serviceaccounts".into(),
                format!("system:serviceaccounts:{namespace}"),
                "system:authenticated".into(),
            ],
        }
    }

    /// The user as review objects show it.
    pub(crate) fn to_value(&self) -> Value {
        json!({"username": self.name, "groups": self.groups})
    }

    /// The user that a review object shows.
    pub(crate) fn from_spec(spec: &Value) -> Self {
        let groups = value::strings(spec, &["groups"]).map(str::to_owned).collect();
        Self { name: value::text(spec, &["user"]).unwrap_or_default().to_owned(), groups }
    }
}

/// An authorizer's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The request goes on.
    Allow,
    /// The request is answered with `403 Forbidden` and this reason.
    Deny(String),
}

/// Decides whether a user may make a request.
///
/// ```
/// use openchoreo_embedded::{Authorizer, Decision, RequestInfo, User};
///
/// #[derive(Debug)]
/// struct ReadOnly;
///
/// impl Authorizer for ReadOnly {
///     fn authorize(&self, _user: &User, request: &RequestInfo) -> Decision {
///         match request.verb.as_str() {
///             "get" | "list" | "watch" => Decision::Allow,
///             other => Decision::Deny(format!("this server is read-only, and `{other}` is not reading")),
///         }
///     }
/// }
/// ```
pub trait Authorizer: fmt::Debug + Send + Sync {
    /// Answers for one request.
    fn authorize(&self, user: &User, request: &RequestInfo) -> Decision;
}

/// Allows everything.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AllowAll;

impl Authorizer for AllowAll {
    fn authorize(&self, _user: &User, _request: &RequestInfo) -> Decision {
        Decision::Allow
    }
}

/// How a request reached the server, and whom the connection itself has shown to be at its other end.
#[derive(Debug, Clone)]
#[cfg_attr(not(feature = "listen"), expect(dead_code, reason = "only a listener has remote connections"))]
pub(crate) enum Connection {
    /// From a socket.
    Remote(Option<User>),
}

/// What a service-account token rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TokenSource {
    /// The secret that holds it: the token is good while the secret is there.
    Secret(ObjectRef),
    /// A request for it: the token is good for a time, while the account with this uid is there.
    Request { account: ObjectKey, uid: String, expires: Timestamp },
}

/// The service account that a token logs in as.
pub(crate) fn service_account_of(state: &State, token: &str) -> Option<User> {
    match state.tokens.get(token)? {
        TokenSource::Secret(secret) => {
            let secret = state.get(secret)?;
            let account = value::text(secret, &["metadata", "annotations", "kubernetes.io/service-account.name"])?;
            Some(User::service_account(value::namespace(secret), account))
        }
        TokenSource::Request { account, uid, expires } => {
            let live = state.store.get("serviceaccounts", account)?;
            let good = value::meta(live, "uid") == Some(uid) && state.clock.now() < *expires;
            good.then(|| User::service_account(&account.namespace, &account.name))
        }
    }
}
