//! Watches: the current state if asked for, then every change, for as long as the client wants.
//!
//! A watch holds no queue. It keeps the revision up to which it has told, is woken by changes, and reads what came since
//! from the store's history. One that falls behind the history is told so and closed, as is one from a forgotten
//! revision.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::watch::Receiver;
use tokio::time::Instant;

use super::list::Selection;
use super::media::{self, View};
use super::request::Query;
use super::{Inner, Server};
use crate::error::ApiError;
use crate::registry::Kind;
use crate::store::{Event, EventType, Object, Stored};
use crate::value;

const BOOKMARK_PERIOD: Duration = Duration::from_secs(60);
/// Watches without a wish of their own end after this long.
const DEFAULT_TIMEOUT: u64 = 1800;
/// Chunks are cut at about this many bytes.
const CHUNK_SIZE: usize = 256 * 1024;

/// A running watch.
pub(super) struct Watch {
    inner: Arc<Inner>,
    kind: Arc<Kind>,
    selection: Selection,
    view: View,
    bell: Receiver<u64>,
    /// Everything up to this revision has been told.
    position: u64,
    /// The state at the start, still to be told.
    initial: std::vec::IntoIter<Object>,
    /// The end of the initial state is to be marked.
    mark_initial_end: bool,
    bookmarks: bool,
    next_bookmark: Instant,
    deadline: Instant,
    finished: bool,
}

/// Begins a watch.
pub(super) fn start(
    server: &Server,
    kind: &Arc<Kind>,
    selection: Selection,
    view: View,
    query: &Query,
) -> Result<Watch, ApiError> {
    let state = server.inner.state.read();
    let current = state.store.revision();
    let asked = match query.get("resourceVersion") {
        None => None,
        Some(text) => Some(text.parse::<u64>().map_err(|_| {
            ApiError::bad_request(format!("resourceVersion: Invalid value: {text:?}: must be a non-negative integer"))
        })?),
    };
    if let Some(asked) = asked.filter(|asked| *asked > current) {
        return Err(ApiError::too_large_revision(asked, current));
    }
    let send_initial = query.get("sendInitialEvents").map(|_| query.flag("sendInitialEvents"));
    if send_initial.is_some() && query.get("resourceVersionMatch") != Some("NotOlderThan") {
        return Err(ApiError::bad_request(
            "sendInitialEvents: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
        ));
    }
    let from_start = send_initial.unwrap_or(matches!(asked, None | Some(0)));
    let mut initial = Vec::new();
    let mut position = asked.filter(|asked| *asked > 0).unwrap_or(current);
    if from_start {
        position = current;
        let everything = state.store.list(&kind.storage, selection.namespace.as_deref(), None);
        initial = everything
            .filter(|(_, object)| selection.matches(kind, object))
            .map(|(_, object)| Arc::clone(object))
            .collect();
    }
    let bell = state.store.subscribe(&kind.storage).ok_or_else(ApiError::no_such_resource)?;
    drop(state);
    let now = Instant::now();
    let timeout =
        Duration::from_secs(query.number("timeoutSeconds")?.filter(|seconds| *seconds > 0).unwrap_or(DEFAULT_TIMEOUT));
    Ok(Watch {
        inner: Arc::clone(&server.inner),
        kind: Arc::clone(kind),
        selection,
        view,
        bell,
        position,
        initial: initial.into_iter(),
        mark_initial_end: send_initial == Some(true),
        bookmarks: query.flag("allowWatchBookmarks"),
        next_bookmark: now + BOOKMARK_PERIOD,
        deadline: now + timeout,
        finished: false,
    })
}

impl Watch {
    /// The next chunk of text; nothing at the end.
    pub(super) async fn next(&mut self) -> Option<Bytes> {
        loop {
            let mut chunk = self.take_initial();
            if chunk.is_empty() && !self.finished {
                chunk = self.take_changes();
            }
            if !chunk.is_empty() {
                return Some(chunk.into());
            }
            if self.finished {
                return None;
            }
            tokio::select! {
                woken = self.bell.changed() => self.finished |= woken.is_err(),
                () = tokio::time::sleep_until(self.deadline) => {
                    self.finished = true;
                    // A last bookmark lets the client resume from here, however quiet the watch was.
                    if self.bookmarks {
                        return Some(self.bookmark(false).into());
                    }
                }
                () = tokio::time::sleep_until(self.next_bookmark), if self.bookmarks => {
                    self.next_bookmark += BOOKMARK_PERIOD;
                    return Some(self.bookmark(false).into());
                }
            }
        }
    }

    fn take_initial(&mut self) -> Vec<u8> {
        let mut chunk = Vec::new();
        while chunk.len() < CHUNK_SIZE
            && let Some(object) = self.initial.next()
        {
            self.write(&mut chunk, EventType::Added, &object);
        }
        if chunk.len() < CHUNK_SIZE && std::mem::take(&mut self.mark_initial_end) {
            chunk.extend(self.bookmark(true));
        }
        chunk
    }

    /// Tells what happened since the watch last looked.
    fn take_changes(&mut self) -> Vec<u8> {
        let (changes, revision) = {
            let state = self.inner.state.read();
            self.bell.mark_unchanged();
            match state.registry.find(&self.kind.group, &self.kind.version, &self.kind.plural) {
                // The definition may have changed: later events are shown as it now says.
                Some(kind) => self.kind = Arc::clone(kind),
                None => self.finished = true,
            }
            (state.store.changes(&self.kind.storage, self.position), state.store.revision())
        };
        let mut chunk = Vec::new();
        match changes {
            Ok(events) => {
                for event in events {
                    self.write_event(&mut chunk, &event);
                }
            }
            Err(compacted) => {
                let message = format!("too old resource version: {} ({})", self.position, compacted.oldest);
                let status = ApiError::expired(message).to_status();
                write_line(&mut chunk, "ERROR", status.to_string().as_bytes());
                self.finished = true;
            }
        }
        self.position = revision;
        chunk
    }

    /// Tells one change, in the terms of what the watch selects.
    fn write_event(&self, chunk: &mut Vec<u8>, event: &Event) {
        let in_namespace = self.selection.namespace.as_deref().is_none_or(|wanted| event.key.namespace == wanted);
        let named = self.selection.name.as_deref().is_none_or(|wanted| event.key.name == wanted);
        if !in_namespace || !named {
            return;
        }
        let selected = |object: &Object| self.selection.matches(&self.kind, object);
        let was = event.previous.as_ref().is_some_and(selected);
        let is = event.kind != EventType::Deleted && selected(&event.object);
        match (was, is) {
            (false, true) => self.write(chunk, EventType::Added, &event.object),
            (true, true) => self.write(chunk, EventType::Modified, &event.object),
            (true, false) if event.kind == EventType::Deleted => self.write(chunk, EventType::Deleted, &event.object),
            (true, false) => {
                // It left the selection: to this watch it is gone, in its last form that was selected.
                if let Some(previous) = &event.previous {
                    let mut last = Value::clone(previous);
                    value::set(&mut last, &["metadata", "resourceVersion"], event.revision.to_string());
                    self.write(chunk, EventType::Deleted, &Stored::new(last));
                }
            }
            (false, false) => {}
        }
    }

    fn write(&self, chunk: &mut Vec<u8>, kind: EventType, object: &Object) {
        let presented = self.kind.present(object);
        match self.view {
            View::Object => write_line(chunk, kind.name(), presented.json()),
            view => {
                let text = media::object_text(view, &self.kind, &presented, &self.inner.clock);
                write_line(chunk, kind.name(), &text);
            }
        }
    }

    fn bookmark(&self, initial_end: bool) -> Vec<u8> {
        let mut object = match self.view {
            View::Object => json!({"apiVersion": self.kind.api_version, "kind": self.kind.kind}),
            View::Metadata => json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata"}),
            View::Table(_) => {
                json!({"apiVersion": "meta.k8s.io/v1", "kind": "Table", "columnDefinitions": [], "rows": []})
            }
        };
        value::set(&mut object, &["metadata", "resourceVersion"], self.position.to_string());
        if !matches!(self.view, View::Table(_)) {
            value::set(&mut object, &["metadata", "creationTimestamp"], Value::Null);
        }
        if initial_end {
            value::set(&mut object, &["metadata", "annotations", "k8s.io/initial-events-end"], "true");
        }
        let mut line = Vec::new();
        write_line(&mut line, "BOOKMARK", object.to_string().as_bytes());
        line
    }
}

fn write_line(chunk: &mut Vec<u8>, kind: &str, object: &[u8]) {
    chunk.extend_from_slice(b"{\"type\":\"");
    chunk.extend_from_slice(kind.as_bytes());
    chunk.extend_from_slice(b"\",\"object\":");
    chunk.extend_from_slice(object);
    chunk.extend_from_slice(b"}\n");
}
