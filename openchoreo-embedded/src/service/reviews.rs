//! Kinds that answer a question and are not stored, and tokens made on request.
//!
//! Access reviews ask the server's [`Authorizer`](crate::Authorizer): without one, the answer is always yes.

use http::{Method, Response, StatusCode};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::request::Target;
use super::{Incoming, RequestInfo, ResponseBody, media};
use crate::auth::{Decision, TokenSource, User};
use crate::error::ApiError;
use crate::registry::Kind;
use crate::store::ObjectKey;
use crate::value;

/// How long a requested token is good, in seconds.
const DEFAULT_LIFETIME: i64 = 3600;
const MINIMAL_LIFETIME: i64 = 600;
const MAXIMAL_LIFETIME: i64 = 1 << 32;

/// Answers a review.
pub(super) fn respond(
    request: &Incoming<'_>,
    method: &Method,
    kind: &Kind,
    target: &Target<'_>,
) -> Result<Response<ResponseBody>, ApiError> {
    if method != Method::POST || target.name.is_some() {
        return Err(ApiError::method_not_allowed(method.as_str()));
    }
    let mut review = media::read_body(request.headers, request.body)?;
    let spec = review.get("spec").cloned().unwrap_or_default();
    let status = match kind.kind.as_str() {
        "TokenReview" => {
            let token = value::text(&spec, &["token"]).unwrap_or_default();
            match request.server.user_of_token(token) {
                Some(user) => json!({"authenticated": true, "user": user.to_value()}),
                None => json!({"authenticated": false, "error": "the token is not known to this server"}),
            }
        }
        "SelfSubjectReview" => json!({"userInfo": request.user.to_value()}),
        "SubjectAccessReview" | "LocalSubjectAccessReview" => decide(request, &User::from_spec(&spec), &spec),
        "SelfSubjectAccessReview" => decide(request, request.user, &spec),
        "SelfSubjectRulesReview" => json!({
            "incomplete": false,
            "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}],
            "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
        }),
        _ => return Err(ApiError::no_such_resource()),
    };
    value::set(&mut review, &["apiVersion"], kind.api_version.as_str());
    value::set(&mut review, &["kind"], kind.kind.as_str());
    value::set_default(&mut review, &["metadata"], json!({}));
    value::set(&mut review, &["status"], status);
    Ok(media::send_value(StatusCode::CREATED, &review))
}

fn decide(request: &Incoming<'_>, user: &User, spec: &Value) -> Value {
    let resource = |member| value::text(spec, &["resourceAttributes", member]).unwrap_or_default().to_owned();
    let path = value::text(spec, &["nonResourceAttributes", "path"]);
    let verb = match path {
        Some(_) => value::text(spec, &["nonResourceAttributes", "verb"]).unwrap_or_default().to_owned(),
        None => resource("verb"),
    };
    let info = RequestInfo {
        verb,
        path: path.unwrap_or_default().to_owned(),
        group: resource("group"),
        version: resource("version"),
        resource: resource("resource"),
        subresource: resource("subresource"),
        namespace: resource("namespace"),
        name: resource("name"),
    };
    match request.server.inner.authorizer.authorize(user, &info) {
        Decision::Allow => json!({"allowed": true}),
        Decision::Deny(why) => json!({"allowed": false, "denied": true, "reason": why}),
    }
}

/// Makes a token of a service account.
pub(super) fn request_token(
    request: &Incoming<'_>,
    method: &Method,
    target: &Target<'_>,
) -> Result<Response<ResponseBody>, ApiError> {
    let (Some(namespace), Some(name)) = (target.namespace, target.name) else {
        return Err(ApiError::no_such_resource());
    };
    if method != Method::POST {
        return Err(ApiError::method_not_allowed(method.as_str()));
    }
    let mut review = media::read_body(request.headers, request.body)?;
    let account = ObjectKey::new(namespace, name);
    let mut state = request.state().write();
    let uid = state.store.get("serviceaccounts", &account).and_then(|live| value::meta(live, "uid"));
    let Some(uid) = uid.map(str::to_owned) else {
        return Err(match state.registry.find("", "v1", "serviceaccounts") {
            Some(kind) => ApiError::not_found(kind, name),
            None => ApiError::no_such_resource(),
        });
    };
    let lifetime = value::at(&review, &["spec", "expirationSeconds"]).and_then(Value::as_i64);
    let lifetime =
        SignedDuration::from_secs(lifetime.unwrap_or(DEFAULT_LIFETIME).clamp(MINIMAL_LIFETIME, MAXIMAL_LIFETIME));
    let expires = state.clock.now().checked_add(lifetime).map_err(|error| ApiError::internal(error.to_string()))?;
    let token = crate::controllers::random_token();
    state.tokens.insert(token.clone(), TokenSource::Request { account, uid, expires });
    drop(state);
    let status = json!({"token": token, "expirationTimestamp": expires.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()});
    value::set(&mut review, &["apiVersion"], "authentication.k8s.io/v1");
    value::set(&mut review, &["kind"], "TokenRequest");
    value::set(&mut review, &["status"], status);
    Ok(media::send_value(StatusCode::CREATED, &review))
}
