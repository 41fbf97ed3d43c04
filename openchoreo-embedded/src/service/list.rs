//! Lists: selectors, pages, and the revision that they show.
//!
//! All pages of a list show the revision of the first: the token names it, and the store undoes what came after.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::request::Query;
use crate::error::ApiError;
use crate::registry::Kind;
use crate::selector::{FieldSelector, LabelSelector};
use crate::state::State;
use crate::store::{Compacted, Object, ObjectKey};
use crate::value;

/// Which objects of a kind a list or watch is about.
#[derive(Debug)]
pub(super) struct Selection {
    pub(super) namespace: Option<String>,
    pub(super) name: Option<String>,
    labels: LabelSelector,
    fields: FieldSelector,
}

impl Selection {
    pub(super) fn parse(
        kind: &Kind,
        namespace: Option<&str>,
        name: Option<&str>,
        query: &Query,
    ) -> Result<Self, ApiError> {
        let labels = LabelSelector::parse(query.get("labelSelector").unwrap_or_default());
        let labels = labels.map_err(|why| ApiError::bad_request(format!("unable to parse labelSelector: {why}")))?;
        let fields =
            FieldSelector::parse(query.get("fieldSelector").unwrap_or_default(), |path| kind.offers_field(path));
        let fields = fields.map_err(ApiError::bad_request)?;
        Ok(Self {
            namespace: namespace.or(fields.namespace()).filter(|_| kind.namespaced).map(str::to_owned),
            name: name.or(fields.name()).map(str::to_owned),
            labels,
            fields,
        })
    }

    /// Whether the selection is a whole resource or namespace.
    fn is_everything(&self) -> bool {
        self.name.is_none() && self.labels.is_empty() && self.fields.is_empty()
    }

    pub(super) fn matches(&self, kind: &Kind, object: &Object) -> bool {
        self.name.as_deref().is_none_or(|name| value::name(object) == name)
            && self.namespace.as_deref().is_none_or(|namespace| value::namespace(object) == namespace)
            && self.labels.matches(object)
            && (self.fields.is_empty() || self.fields.matches(&kind.present(object)))
    }

    /// The key of the one object that can match, if the selection says enough.
    fn key(&self, kind: &Kind) -> Option<ObjectKey> {
        let name = self.name.as_deref()?;
        match &self.namespace {
            Some(namespace) => Some(ObjectKey::new(namespace.as_str(), name)),
            None if kind.namespaced => None,
            None => Some(ObjectKey::new("", name)),
        }
    }
}

/// A part of a list.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) objects: Vec<Object>,
    /// The list's own metadata.
    pub(super) meta: Value,
}

#[derive(Debug, Serialize, Deserialize)]
struct Token {
    #[serde(rename = "rv")]
    revision: u64,
    namespace: String,
    name: String,
}

/// Reads the page that a query asks for.
pub(super) fn page(state: &State, kind: &Kind, selection: &Selection, query: &Query) -> Result<Page, ApiError> {
    let limit = query.number("limit")?.filter(|limit| *limit > 0);
    let limit = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let current = state.store.revision();
    let (revision, after) = match query.get("continue") {
        Some(token) => {
            if query.get("resourceVersion").is_some_and(|version| version != "0") {
                return Err(ApiError::bad_request("specifying resource version is not allowed when using continue"));
            }
            let token = read_token(token)?;
            (token.revision, Some(ObjectKey::new(token.namespace, token.name)))
        }
        None => (asked_revision(query, current)?, None),
    };
    let expired = |_: Compacted| {
        ApiError::expired(if after.is_some() {
            "The provided continue parameter is too old to display a consistent list result. You must start a new \
             list without the continue parameter."
                .to_owned()
        } else {
            format!("The resourceVersion for the provided list is too old: {revision}")
        })
    };
    let namespace = selection.namespace.as_deref();
    let mut matching: Vec<&Object> = Vec::new();
    let mut remaining = 0_usize;
    let mut take = |(_, object)| {
        // Once the page is full, one more match tells that there is another page; counting all tells how much.
        if matching.len() < limit {
            if selection.matches(kind, object) {
                matching.push(object);
            }
            true
        } else if selection.is_everything() {
            remaining += 1;
            true
        } else {
            remaining += usize::from(selection.matches(kind, object));
            remaining == 0
        }
    };
    if revision != current {
        let objects = state.store.list_at(&kind.storage, namespace, after.as_ref(), revision).map_err(expired)?;
        let _ = objects.into_iter().try_for_each(|found| take(found).then_some(()));
    } else if let Some(key) = selection.key(kind) {
        if let Some(object) = state.store.get(&kind.storage, &key).filter(|_| after.as_ref() < Some(&key)) {
            take((&key, object));
        }
    } else {
        let _ =
            state.store.list(&kind.storage, namespace, after.as_ref()).try_for_each(|found| take(found).then_some(()));
    }

    let mut meta = json!({"resourceVersion": revision.to_string()});
    if remaining > 0
        && let Some(last) = matching.last()
    {
        value::set(&mut meta, &["continue"], write_token(revision, last));
        if selection.is_everything() {
            value::set(&mut meta, &["remainingItemCount"], remaining);
        }
    }
    let objects = matching.into_iter().map(|object| kind.present(object)).collect();
    Ok(Page { objects, meta })
}

/// The revision at which a list is to be read: a past one only when the client insists.
fn asked_revision(query: &Query, current: u64) -> Result<u64, ApiError> {
    let asked = match query.get("resourceVersion") {
        None => None,
        Some(text) => Some(text.parse::<u64>().map_err(|_| {
            ApiError::bad_request(format!("resourceVersion: Invalid value: {text:?}: must be a non-negative integer"))
        })?),
    };
    if let Some(asked) = asked.filter(|asked| *asked > current) {
        return Err(ApiError::too_large_revision(asked, current));
    }
    match (query.get("resourceVersionMatch"), asked) {
        (None | Some("NotOlderThan"), Some(_)) | (None, None) => Ok(current),
        (Some("Exact"), Some(asked)) if asked > 0 => Ok(asked),
        (Some("Exact"), Some(_)) => {
            Err(ApiError::bad_request("resourceVersionMatch \"Exact\" is forbidden for resourceVersion \"0\""))
        }
        (Some(_), None) => {
            Err(ApiError::bad_request("resourceVersionMatch is forbidden unless resourceVersion is provided"))
        }
        (Some(other), Some(_)) => {
            Err(ApiError::bad_request(format!("resourceVersionMatch: Unsupported value: {other:?}")))
        }
    }
}

fn write_token(revision: u64, last: &Object) -> String {
    let token = json!({"rv": revision, "namespace": value::namespace(last), "name": value::name(last)});
    URL_SAFE_NO_PAD.encode(token.to_string())
}

fn read_token(text: &str) -> Result<Token, ApiError> {
    let refuse = || ApiError::bad_request("continue key is not valid");
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| refuse())?;
    serde_json::from_slice(&bytes).map_err(|_| refuse())
}
