//! The recent changes of one resource: a bounded ring, and a bell that rings at each change.

use std::collections::VecDeque;
use std::collections::vec_deque;
use std::sync::Arc;

use tokio::sync::watch;

use super::{Compacted, Object, ObjectKey};

/// What happened to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EventType {
    Added,
    Modified,
    Deleted,
}

impl EventType {
    /// The name in a watch event.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Added => "ADDED",
            Self::Modified => "MODIFIED",
            Self::Deleted => "DELETED",
        }
    }
}

/// One change.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) revision: u64,
    pub(crate) kind: EventType,
    pub(crate) key: ObjectKey,
    /// The version that the change made; of a removal, the last version with the removal's revision.
    pub(crate) object: Object,
    pub(crate) previous: Option<Object>,
}

#[derive(Debug)]
pub(crate) struct History {
    events: VecDeque<Arc<Event>>,
    length: usize,
    /// Changes up to this revision are forgotten.
    forgotten: u64,
    bell: watch::Sender<u64>,
}

impl History {
    pub(crate) fn new(revision: u64, length: usize) -> Self {
        Self { events: VecDeque::new(), length, forgotten: revision, bell: watch::Sender::new(revision) }
    }

    pub(crate) fn push(&mut self, event: Event) {
        let revision = event.revision;
        self.events.push_back(Arc::new(event));
        while self.events.len() > self.length {
            if let Some(oldest) = self.events.pop_front() {
                self.forgotten = oldest.revision;
            }
        }
        self.bell.send_replace(revision);
    }

    pub(crate) fn since(&self, revision: u64) -> Result<vec_deque::Iter<'_, Arc<Event>>, Compacted> {
        if revision < self.forgotten {
            return Err(Compacted { oldest: self.forgotten });
        }
        let first = self.events.partition_point(|event| event.revision <= revision);
        Ok(self.events.range(first..))
    }

    pub(crate) fn wake(&self) {
        self.bell.send_modify(|_| {});
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.bell.subscribe()
    }
}
