//! The verbs on stored objects.

use std::sync::Arc;

use http::{HeaderValue, Method, Response, StatusCode, header};
use serde_json::{Value, json};

use super::list::{self, Selection};
use super::media::{self, View};
use super::request::{Query, Target};
use super::{Incoming, ResponseBody, response, reviews, scale, success, watch};
use crate::error::ApiError;
use crate::lifecycle::delete::{self, DeleteOptions, Deleted, Propagation};
use crate::lifecycle::write::{self, Written};
use crate::lifecycle::{FieldValidation, Intent, Part};
use crate::patch::{self, PatchError};
use crate::registry::Kind;
use crate::schema::FieldErrorKind;
use crate::store::ObjectRef;
use crate::value;

/// Answers a request about a resource.
pub(super) fn respond(
    request: &Incoming<'_>,
    method: &Method,
    kind: &Arc<Kind>,
    target: &Target<'_>,
) -> Result<Response<ResponseBody>, ApiError> {
    if kind.review {
        return reviews::respond(request, method, kind, target);
    }
    let part = match target.subresource {
        None => Part::Main,
        Some("status") if kind.status => Part::Status,
        Some("scale") if kind.scale.is_some() => Part::Scale,
        Some("finalize") if kind.resource == "namespaces" => Part::Finalize,
        Some("token") if kind.resource == "serviceaccounts" => {
            return reviews::request_token(request, method, target);
        }
        Some(_) => return Err(ApiError::no_such_resource()),
    };
    let call = Call { request, kind, target, part };
    match (method.as_str(), target.name) {
        ("GET" | "HEAD", _) if request.query.flag("watch") && part == Part::Main => call.watch(),
        ("GET" | "HEAD", None) => call.list(),
        ("GET" | "HEAD", Some(name)) => call.get(name),
        ("POST", None) => call.create(),
        ("PUT", Some(name)) => call.replace(name),
        ("PATCH", Some(name)) => call.patch(name),
        ("DELETE", Some(name)) if part == Part::Main => call.delete(name),
        ("DELETE", None) => call.delete_collection(),
        _ => Err(ApiError::method_not_allowed(method.as_str())),
    }
}

/// A request about a resource, with what its path says.
struct Call<'a> {
    request: &'a Incoming<'a>,
    kind: &'a Arc<Kind>,
    target: &'a Target<'a>,
    part: Part,
}

impl Call<'_> {
    fn query(&self) -> &Query {
        self.request.query
    }

    fn selection(&self) -> Result<Selection, ApiError> {
        Selection::parse(self.kind, self.target.namespace, self.target.name, self.query())
    }

    fn reference(&self, name: &str) -> ObjectRef {
        ObjectRef::new(Arc::clone(&self.kind.storage), self.target.namespace.unwrap_or_default(), name)
    }

    fn get(&self, name: &str) -> Result<Response<ResponseBody>, ApiError> {
        let (view, encoding) = media::negotiate(self.request.headers, self.query())?;
        let target = self.reference(name);
        let stored = self.request.state().read().get(&target).map(Arc::clone);
        let stored = stored.ok_or_else(|| ApiError::not_found(self.kind, name))?;
        let object = self.kind.present(&stored);
        let text = match (self.part, &self.kind.scale) {
            (Part::Scale, Some(paths)) => scale::read(paths, &object).to_string().into_bytes(),
            _ => media::object_text(view, self.kind, &object, &self.request.server.inner.clock),
        };
        media::send(StatusCode::OK, encoding, text)
    }

    fn list(&self) -> Result<Response<ResponseBody>, ApiError> {
        let (view, encoding) = media::negotiate(self.request.headers, self.query())?;
        let selection = self.selection()?;
        let page = list::page(&self.request.state().read(), self.kind, &selection, self.query())?;
        let text = media::list_text(view, self.kind, &page.objects, page.meta, &self.request.server.inner.clock);
        media::send(StatusCode::OK, encoding, text)
    }

    fn watch(&self) -> Result<Response<ResponseBody>, ApiError> {
        let (view, _) = media::negotiate(self.request.headers, self.query())?;
        let watch = watch::start(self.request.server, self.kind, self.selection()?, view, self.query())?;
        let mut answer = response(StatusCode::OK, "application/json", Vec::new());
        *answer.body_mut() = ResponseBody::watch(watch);
        Ok(answer)
    }

    fn create(&self) -> Result<Response<ResponseBody>, ApiError> {
        if self.kind.namespaced && self.target.namespace.is_none() {
            return Err(ApiError::method_not_allowed("POST"));
        }
        let object = media::read_body(self.request.headers, self.request.body)?;
        let settings = WriteSettings::read(self.request, false)?;
        let written = write::create(self.request.state(), &settings.intent(self), object)?;
        self.send_written(written)
    }

    fn replace(&self, name: &str) -> Result<Response<ResponseBody>, ApiError> {
        let body = media::read_body(self.request.headers, self.request.body)?;
        let settings = WriteSettings::read(self.request, false)?;
        let intent = settings.intent(self);
        if self.part == Part::Scale {
            return self.write_scale(&intent, name, |_| Ok(body.clone()));
        }
        let written = write::update(self.request.state(), &intent, name, |_| {
            if self.kind.custom && value::meta(&body, "resourceVersion").is_none() {
                let detail = "0: must be specified for an update";
                let path = "metadata.resourceVersion";
                return Err(ApiError::invalid_field(self.kind, name, FieldErrorKind::Invalid, path, detail));
            }
            Ok(body.clone())
        })?;
        self.send_written(written)
    }

    fn patch(&self, name: &str) -> Result<Response<ResponseBody>, ApiError> {
        let body = self.request.body;
        let state = self.request.state();
        let media_type = media::content_type(self.request.headers);
        if media_type == "application/apply-patch+yaml" {
            let settings = WriteSettings::read(self.request, true)?;
            let configuration = media::parse_yaml(body)?;
            let force = self.query().flag("force") && self.query().get("force").is_some();
            if self.part == Part::Scale {
                return self
                    .write_scale(&settings.intent(self), name, |live| Ok(patch::merge_patch(live, &configuration)));
            }
            return self.send_written(write::apply(state, &settings.intent(self), name, configuration, force)?);
        }
        let settings = WriteSettings::read(self.request, false)?;
        let intent = settings.intent(self);
        let change = match media_type {
            "application/json-patch+json" => Patch::Json(media::parse_json(body)?),
            "application/merge-patch+json" => Patch::Merge(media::parse_json(body)?),
            "application/strategic-merge-patch+json" if !self.kind.custom => Patch::Strategic(media::parse_json(body)?),
            other => {
                let accepted = if self.kind.custom {
                    "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"
                } else {
                    "application/json-patch+json, application/merge-patch+json, \
                     application/strategic-merge-patch+json, application/apply-patch+yaml"
                };
                return Err(ApiError::unsupported_media_type(other, accepted));
            }
        };
        if self.part == Part::Scale {
            return self.write_scale(&intent, name, |live| change.run(self.kind, name, live));
        }
        let written = write::update(state, &intent, name, |live| change.run(self.kind, name, live))?;
        self.send_written(written)
    }

    /// Writes through the view that `scale` gives of an object.
    fn write_scale(
        &self,
        intent: &Intent<'_>,
        name: &str,
        change: impl Fn(&Value) -> Result<Value, ApiError>,
    ) -> Result<Response<ResponseBody>, ApiError> {
        let Some(paths) = &self.kind.scale else { return Err(ApiError::no_such_resource()) };
        let written = write::update(self.request.state(), intent, name, |live| {
            scale::write(paths, self.kind, live, &change(&scale::read(paths, live))?)
        })?;
        Ok(media::send_value(StatusCode::OK, &scale::read(paths, &written.object)))
    }

    fn delete(&self, name: &str) -> Result<Response<ResponseBody>, ApiError> {
        let (view, encoding) = media::negotiate(self.request.headers, self.query())?;
        let options = self.delete_options()?;
        let target = self.reference(name);
        let deleted = delete::delete(&mut self.request.state().write(), self.kind, &target, &options)?;
        match deleted {
            Deleted::Pending(object) => {
                let object = self.kind.present(&object);
                let text = media::object_text(view, self.kind, &object, &self.request.server.inner.clock);
                media::send(StatusCode::OK, encoding, text)
            }
            Deleted::Gone(object) => {
                let mut details = json!({"name": name, "kind": self.kind.plural, "uid": value::meta(&object, "uid")});
                if !self.kind.group.is_empty() {
                    value::set(&mut details, &["group"], self.kind.group.as_str());
                }
                Ok(media::send_value(StatusCode::OK, &success(details)))
            }
        }
    }

    fn delete_collection(&self) -> Result<Response<ResponseBody>, ApiError> {
        let (view, encoding) = media::negotiate(self.request.headers, self.query())?;
        let options = self.delete_options()?;
        let selection = self.selection()?;
        let mut state = self.request.state().write();
        let page = list::page(&state, self.kind, &selection, self.query())?;
        for object in &page.objects {
            let key = crate::store::ObjectKey::of(object);
            let target = ObjectRef { resource: Arc::clone(&self.kind.storage), key };
            match delete::delete(&mut state, self.kind, &target, &options) {
                // Its owner went first and took it along.
                Err(error) if error.reason == "NotFound" => {}
                outcome => {
                    outcome?;
                }
            }
        }
        drop(state);
        let text = media::list_text(view, self.kind, &page.objects, page.meta, &self.request.server.inner.clock);
        media::send(StatusCode::OK, encoding, text)
    }

    /// Options of a deletion come in the body or in the query.
    fn delete_options(&self) -> Result<DeleteOptions, ApiError> {
        let mut options = if self.request.body.is_empty() {
            DeleteOptions::default()
        } else {
            DeleteOptions::parse(&media::read_body(self.request.headers, self.request.body)?)?
        };
        if let Some(policy) = self.query().get("propagationPolicy") {
            options.propagation = Some(Propagation::parse(policy)?);
        }
        options.dry_run |= self.query().get("dryRun").is_some();
        Ok(options)
    }

    fn send_written(&self, written: Written) -> Result<Response<ResponseBody>, ApiError> {
        // A write is shown whole or as a table; the warnings travel beside it.
        let (view, encoding) = media::negotiate(self.request.headers, self.query())?;
        let status = if written.created { StatusCode::CREATED } else { StatusCode::OK };
        let text = match view {
            View::Object => written.object.json().to_vec(),
            view => media::object_text(view, self.kind, &written.object, &self.request.server.inner.clock),
        };
        let mut answer = media::send(status, encoding, text)?;
        for warning in written.warnings {
            let escaped = warning.replace('\\', "\\\\").replace('"', "\\\"");
            if let Ok(text) = HeaderValue::from_str(&format!("299 - \"{escaped}\"")) {
                answer.headers_mut().append(header::WARNING, text);
            }
        }
        Ok(answer)
    }
}

/// A patch that is computed against the live object.
enum Patch {
    Json(Value),
    Merge(Value),
    Strategic(Value),
}

impl Patch {
    fn run(&self, kind: &Kind, name: &str, live: &Value) -> Result<Value, ApiError> {
        let refuse = |error: PatchError| {
            ApiError::invalid_field(kind, name, FieldErrorKind::Invalid, "patch", error.to_string())
        };
        match self {
            Self::Json(patch) => patch::json_patch(live, patch).map_err(refuse),
            Self::Merge(patch) => Ok(patch::merge_patch(live, patch)),
            Self::Strategic(patch) => patch::strategic_merge_patch(&kind.schema, live, patch).map_err(refuse),
        }
    }
}

/// What the query and headers say about a write.
struct WriteSettings {
    manager: String,
    field_validation: FieldValidation,
    dry_run: bool,
}

/// The longest name of a field manager.
const MANAGER_LIMIT: usize = 128;

impl WriteSettings {
    fn read(request: &Incoming<'_>, applies: bool) -> Result<Self, ApiError> {
        let manager = match request.query.get("fieldManager") {
            Some(manager) if manager.len() > MANAGER_LIMIT => {
                return Err(ApiError::bad_request(format!(
                    "fieldManager: Too long: may not be more than {MANAGER_LIMIT} bytes"
                )));
            }
            Some(manager) => manager.to_owned(),
            None if applies => {
                return Err(ApiError::bad_request(
                    "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch",
                ));
            }
            None => {
                let agent = request.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
                let program = agent.and_then(|agent| agent.split('/').next()).filter(|program| !program.is_empty());
                program.unwrap_or("unknown").chars().take(MANAGER_LIMIT).collect()
            }
        };
        let field_validation = match request.query.get("fieldValidation") {
            None => FieldValidation::default(),
            Some("Strict") => FieldValidation::Strict,
            Some("Warn") => FieldValidation::Warn,
            Some("Ignore") => FieldValidation::Ignore,
            Some(other) => {
                return Err(ApiError::bad_request(format!(
                    "fieldValidation: Unsupported value: {other:?}: supported values: \"Ignore\", \"Strict\", \"Warn\""
                )));
            }
        };
        let dry_run = match request.query.get("dryRun") {
            None => false,
            Some("All") => true,
            Some(other) => {
                return Err(ApiError::bad_request(format!(
                    "dryRun: Unsupported value: {other:?}: supported values: \"All\""
                )));
            }
        };
        Ok(Self { manager, field_validation, dry_run })
    }

    fn intent<'a>(&'a self, call: &'a Call<'_>) -> Intent<'a> {
        Intent {
            kind: call.kind,
            namespace: call.target.namespace.unwrap_or_default(),
            part: call.part,
            manager: &self.manager,
            field_validation: self.field_validation,
            dry_run: self.dry_run,
            clock: &call.request.server.inner.clock,
        }
    }
}
