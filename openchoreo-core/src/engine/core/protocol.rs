//! What the core is told and what it asks for: the whole of its contact with the world outside.

use std::fmt;

use k8s_openapi::api::core::v1::Secret;
use openchoreo_types::common::PlaneRef;
use serde_json::Value;

use crate::client::Credentials;
use crate::kind::{Kind, ObjectKey, PlaneKey};
use crate::plan::printable;
use crate::world::{Disconnect, ServedKinds, Stored};

/// Names a watch for the life of a core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WatchId(pub(super) u64);

/// Names a request for the life of a core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub(super) u64);

/// What the core is told.
#[derive(Debug)]
pub enum Event {
    /// This process has become the one that acts, or is it no longer.
    Leading(bool),
    /// A watch tells something.
    Watched {
        /// The watch.
        watch: WatchId,
        /// What it tells.
        news: News,
    },
    /// A request was answered, or given up.
    Answered {
        /// The request.
        request: RequestId,
        /// The answer.
        answer: Answer,
    },
    /// An attempt to connect to a plane has come to its end.
    Connected {
        /// The plane.
        plane: PlaneRef,
        /// The number that came with the command.
        attempt: u64,
        /// What was found there.
        outcome: Result<Facts, Trouble>,
    },
    /// A plane was asked whether it still answers.
    Probed {
        /// The plane.
        plane: PlaneRef,
        /// The number that came with the command.
        attempt: u64,
        /// Whether it does.
        outcome: Result<(), Trouble>,
    },
    /// A connected plane serves other kinds now.
    Serves {
        /// The plane.
        plane: PlaneRef,
        /// The number of the connection.
        attempt: u64,
        /// All kinds that it serves now.
        kinds: ServedKinds,
    },
}

/// What a watch tells, in the order of the server.
#[derive(Debug)]
pub enum News {
    /// A list begins.
    ListBegins,
    /// The list has this object.
    Listed(Stored),
    /// The list is complete: what it did not have is not there.
    ListEnds,
    /// An object was made or changed.
    Put(Stored),
    /// An object was removed; this was its last form.
    Gone(Stored),
    /// The watch failed; it goes on by itself, from where it was or with a new list.
    Failed(Trouble),
}

/// What was found when a plane was connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// URL of its API server.
    pub server: String,
    /// Version that it reports.
    pub version: String,
    /// The uid of its namespace `kube-system`; nothing where it may not be read.
    pub identity: Option<String>,
    /// The kinds that it serves.
    pub kinds: ServedKinds,
}

/// Why something did not work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// What is wrong.
    pub cause: Disconnect,
    /// The chain of errors.
    pub message: String,
}

/// The answer to a request.
#[derive(Debug)]
pub enum Answer {
    /// The object as it is now.
    Object(Stored),
    /// The object as it is now, and the field managers that have written more of it than its status.
    Inspected(Stored, Vec<String>),
    /// It is done, and there is no object to show: it is gone.
    Done,
    /// There is no such object, or no such namespace or kind (404).
    NotFound(String),
    /// The object is another one now, or was changed meanwhile (409).
    Conflict(String),
    /// It will not be taken as it is (400, 422).
    Refused(String),
    /// It may work another time.
    Failed(Trouble),
    /// It was not sent, or given up on its way, because this process does not lead any more.
    Withheld,
}

/// Which objects of a kind are watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All.
    All,
    /// Those with a label, whatever its value.
    Has(&'static str),
    /// Those with a label of a value.
    Labelled(&'static str, &'static str),
    /// All, without their status: objects of others whose status moves often and decides nothing.
    WithoutStatus,
}

/// What the core asks for.
#[derive(Debug)]
pub enum Command {
    /// Watch a kind in a plane until told otherwise, listing first and again where that is needed.
    Watch {
        /// The name to give with its news.
        watch: WatchId,
        /// The plane.
        plane: PlaneKey,
        /// The kind.
        kind: Kind,
        /// Which objects of it.
        scope: Scope,
    },
    /// Stop watching; news that are under way are ignored.
    StopWatching(WatchId),
    /// Connect to a plane with these credentials, in place of those it had, and say what was found there. Watches of the
    /// plane go on over the new connection.
    Connect {
        /// The plane.
        plane: PlaneRef,
        /// The number to answer with.
        attempt: u64,
        /// The credentials.
        credentials: Credentials,
    },
    /// Find out whether a connected plane answers.
    Probe {
        /// The plane.
        plane: PlaneRef,
        /// The number to answer with.
        attempt: u64,
    },
    /// Drop the connection to a plane.
    Disconnect(PlaneRef),
    /// Send a request.
    Send {
        /// The name to answer with.
        request: RequestId,
        /// The plane.
        plane: PlaneKey,
        /// What to send.
        operation: Operation,
    },
}

/// The revision that an object names which is only to be made: no object has it, and an apply to an object that is there
/// is a conflict.
pub const NO_REVISION: &str = "1";

/// A request to an API server.
#[derive(Clone, PartialEq)]
pub enum Operation {
    /// Reads an object.
    Get {
        /// Its key.
        key: ObjectKey,
    },
    /// Reads an object, and who has written it.
    Inspect {
        /// Its key.
        key: ObjectKey,
    },
    /// Applies an object, or its status, by server-side apply, forced. Where the object names a revision, it is applied only
    /// to that, or where there is none: see [`NO_REVISION`].
    Apply {
        /// Its key.
        key: ObjectKey,
        /// The field manager.
        manager: String,
        /// The fields that are applied.
        object: Value,
        /// Whether to the status.
        to_status: bool,
    },
    /// Changes an object by a JSON patch.
    Patch {
        /// Its key.
        key: ObjectKey,
        /// The operations.
        operations: Value,
    },
    /// Deletes an object, if it still has this uid.
    Delete {
        /// Its key.
        key: ObjectKey,
        /// Its uid; empty for whichever there is.
        uid: String,
    },
}

impl fmt::Debug for Operation {
    /// Without what Secrets hold.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct(self.verb());
        shown.field("key", self.key());
        match self {
            Self::Get { .. } | Self::Inspect { .. } => {}
            Self::Apply { key, manager, object, .. } => {
                shown.field("manager", manager).field("object", &printable(key.kind, object.clone()));
            }
            Self::Patch { key, .. } if key.kind == Kind::of::<Secret>() => {}
            Self::Patch { operations, .. } => {
                shown.field("operations", operations);
            }
            Self::Delete { uid, .. } => {
                shown.field("uid", uid);
            }
        }
        shown.finish()
    }
}

impl Operation {
    /// The object that it is about.
    pub fn key(&self) -> &ObjectKey {
        match self {
            Self::Get { key }
            | Self::Inspect { key }
            | Self::Apply { key, .. }
            | Self::Patch { key, .. }
            | Self::Delete { key, .. } => key,
        }
    }

    /// What it does, in a word.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Get { .. } | Self::Inspect { .. } => "get",
            Self::Apply { to_status: true, .. } => "status",
            Self::Apply { .. } => "apply",
            Self::Patch { .. } => "patch",
            Self::Delete { .. } => "delete",
        }
    }
}
