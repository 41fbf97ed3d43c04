//! The core of the engine: every decision, as one state machine.
//!
//! Events go in ([`Core::handle`]), commands come out ([`Core::take_command`]), and in between the core plans what is
//! due ([`Core::step`]). It owns the World. It has no clock, no task, no lock and does no I/O, so that the shipped
//! engine, offline runs and a simulator drive the same code, and every history of events can be replayed.
//!
//! - `items` holds what is to be planned, and when; `lanes` the connections to planes.
//! - `passes` plans an object and finds what its plan still needs, `sending` sends it wave by wave, `answers` says what an
//!   answer means.
//! - `connections` connects to planes, watches them, and gives them up.

mod answers;
mod connections;
mod items;
mod lanes;
mod passes;
mod protocol;
mod sending;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Secret;
use openchoreo_types::common::{PlaneKind, PlaneRef};
use openchoreo_types::v1alpha1::{BuildPlane, DataPlane};

use crate::kind::{Kind, ObjectKey, PlaneKey};
use crate::labels::{self, Installation};
use crate::platform::Platform;
use crate::world::wake::WakeIndex;
use crate::world::{Change, PlaneState, Source, Stored, World};
use answers::Doubt;
use items::{ItemId, Items, Owners, Urgency};
use lanes::{Gone, Lane, Room, Watch};
use sending::Pending;

pub use protocol::{Answer, Command, Event, Facts, NO_REVISION, News, Operation, RequestId, Scope, Trouble, WatchId};

/// How the core decides. The defaults suit a control plane of thousands of components.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoreSettings {
    /// Requests in flight to the control plane.
    pub control_concurrency: usize,
    /// Requests in flight to each remote plane.
    pub plane_concurrency: usize,
    /// An object that was planned is planned again by a change of what it read after this time, so that news that come
    /// together are taken together. Edits do not wait.
    pub moment: SignedDuration,
    /// A status that only tells of progress or trouble is written when it has lasted so long: what is over sooner need
    /// not be told, and a status that is as it should be is written at once.
    pub progress: SignedDuration,
    /// The first and the longest wait before an object whose requests failed is planned again.
    pub backoff: (SignedDuration, SignedDuration),
    /// The first and the longest wait before a plane that does not answer is connected to again.
    pub reconnect: (SignedDuration, SignedDuration),
    /// How long everything that is read in a plane may take to be listed.
    pub listing: SignedDuration,
    /// How much is taken of one cluster that planes lead to.
    pub plane_bounds: PlaneBounds,
    /// The first and the longest wait before a plane that held more is connected to and listed again.
    pub relist: (SignedDuration, SignedDuration),
    /// Whose objects are ours; where nothing is given, what the uid of the control plane's namespace `kube-system` says.
    pub installation: Option<Installation>,
    /// Whether planes are connected to. Offline runs set the state of planes themselves.
    pub connects: bool,
}

impl Default for CoreSettings {
    fn default() -> Self {
        Self {
            control_concurrency: 64,
            plane_concurrency: 32,
            moment: SignedDuration::from_millis(20),
            progress: SignedDuration::from_millis(200),
            backoff: (SignedDuration::from_millis(200), SignedDuration::from_secs(60)),
            reconnect: (SignedDuration::from_millis(500), SignedDuration::from_secs(15)),
            listing: SignedDuration::from_secs(60),
            plane_bounds: PlaneBounds::default(),
            relist: (SignedDuration::from_mins(1), SignedDuration::from_mins(5)),
            installation: None,
            connects: true,
        }
    }
}

/// How much is taken of one cluster that planes lead to, so that a hostile one does not exhaust who watches it. What
/// holds more is unreachable until it holds less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlaneBounds {
    /// Objects.
    pub objects: usize,
    /// Bytes that they take at rest, about.
    pub bytes: usize,
}

impl Default for PlaneBounds {
    /// 10 000 components have about five objects each in a plane, and all that is known of them in every plane takes 100 MiB
    /// (`docs/performance.md`).
    fn default() -> Self {
        Self { objects: 200_000, bytes: 256 << 20 }
    }
}

/// What the core has done since its start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Passes made.
    pub passes: u64,
    /// Requests sent.
    pub requests: u64,
}

/// Who reads: an object's planner, or what connects to a plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Reader {
    Item(ItemId),
    Lane(u32),
}

/// The state machine. See the module.
#[derive(Debug)]
pub struct Core {
    platform: Arc<Platform>,
    settings: CoreSettings,
    now: Timestamp,
    world: World,
    wake: WakeIndex<Reader>,
    items: Items,
    owners: Owners,
    planners: HashMap<Kind, Vec<usize>>,
    /// The kinds that are watched, and whether in the control plane.
    watched: BTreeSet<(bool, Kind)>,
    lanes: BTreeMap<PlaneRef, Lane>,
    /// Planes by the number under which their connection reads, and the other way round.
    lane_numbers: BTreeMap<PlaneRef, u32>,
    watches: BTreeMap<WatchId, Watch>,
    requests: HashMap<RequestId, Pending>,
    control: Room,
    gone: Gone,
    /// What is to be asked for again, and when.
    doubts: BTreeMap<(Timestamp, u64), (PlaneKey, Doubt)>,
    commands: VecDeque<Command>,
    is_leading: bool,
    last_id: u64,
    counts: Counts,
    undeclared: Option<UndeclaredUse>,
}

/// A planner relies on what is not declared, so that it would see too little.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UndeclaredUse {
    /// A kind that nothing watches.
    #[error("planner `{planner}` uses {kind} in {plane} and does not declare it in `uses`")]
    Kind {
        /// The planner.
        planner: &'static str,
        /// The kind.
        kind: Kind,
        /// `the control plane` or `remote planes`.
        plane: &'static str,
    },
    /// An index under which nothing is filed.
    #[error("planner `{planner}` selects {kind} by index `{index}`, which the platform does not declare for it")]
    Index {
        /// The planner.
        planner: &'static str,
        /// The kind.
        kind: Kind,
        /// The index.
        index: &'static str,
    },
}

impl Core {
    /// A core that knows nothing yet. It acts when it has been told that it leads.
    pub fn new(platform: Arc<Platform>, settings: CoreSettings) -> Self {
        let mut planners: HashMap<Kind, Vec<usize>> = HashMap::new();
        for (index, planner) in platform.planners().iter().enumerate() {
            planners.entry(planner.kind()).or_default().push(index);
        }
        let remote = platform.remote_watches().into_keys().map(|kind| (false, kind));
        let watched = platform.control_kinds().into_iter().map(|kind| (true, kind)).chain(remote).collect();
        Self {
            world: platform.new_world(),
            watched,
            platform,
            settings,
            now: Timestamp::MIN,
            wake: WakeIndex::default(),
            items: Items::default(),
            owners: Owners::default(),
            planners,
            lanes: BTreeMap::new(),
            lane_numbers: BTreeMap::new(),
            watches: BTreeMap::new(),
            requests: HashMap::new(),
            control: Room::default(),
            gone: Gone::default(),
            doubts: BTreeMap::new(),
            commands: VecDeque::new(),
            is_leading: false,
            last_id: 0,
            counts: Counts::default(),
            undeclared: None,
        }
    }

    /// Asks for the watches of the control plane.
    pub fn start(&mut self) {
        for kind in self.platform.control_kinds() {
            // Secrets that are not for planes are nobody's business here.
            let is_secret = kind == Kind::of::<Secret>();
            let scope = if is_secret { Scope::Labelled(labels::PLANE_CREDENTIALS, "true") } else { Scope::All };
            self.watch(PlaneKey::Control, kind, scope);
        }
    }

    /// Takes an event.
    pub fn handle(&mut self, event: Event, now: Timestamp) {
        self.now = now;
        match event {
            Event::Leading(is_leading) => self.lead(is_leading),
            Event::Watched { watch, news } => self.watched(watch, news),
            Event::Answered { request, answer } => self.answered(request, answer),
            Event::Connected { plane, attempt, outcome } => self.connected(&plane, attempt, outcome),
            Event::Probed { plane, attempt, outcome } => self.probed(&plane, attempt, outcome),
            Event::Serves { plane, attempt, kinds } => self.serves(&plane, attempt, kinds),
        }
    }

    /// Does one thing that is due: plans an object, or sees to the time. Gives the name of the planner that made a
    /// pass, or that there is nothing to do.
    pub fn step(&mut self, now: Timestamp) -> Step {
        self.now = now;
        self.tend_lanes();
        self.tend_doubts();
        if !self.may_plan() {
            return Step::Idle;
        }
        self.world.set_installation(self.settings.installation.as_ref());
        self.items.fire(now);
        match self.items.next() {
            None if self.wake_waiting() => Step::Nothing,
            None => Step::Idle,
            Some(id) => self.pass(id).map_or(Step::Nothing, Step::Pass),
        }
    }

    /// The next thing that is asked for.
    pub fn take_command(&mut self) -> Option<Command> {
        self.commands.pop_front()
    }

    /// When [`Core::step`] is next to be called although nothing has happened.
    pub fn next_time(&self) -> Option<Timestamp> {
        let lanes = self.lanes.values().filter_map(Lane::timer);
        let doubts = self.doubts.keys().next().map(|(at, _)| *at);
        // Where nothing may be planned, no time makes a difference to it; the answer that makes room does.
        let plans = self.items.first_timer().filter(|_| self.may_plan());
        lanes.chain(doubts).chain(plans).min()
    }

    /// Whether a pass may be made. Nearly every pass writes to the control plane: none is made that would only have to
    /// wait for room there.
    fn may_plan(&self) -> bool {
        self.is_leading && self.is_ready() && !self.control.is_full(self.settings.control_concurrency)
    }

    /// Whether everything in the control plane has been listed. Nothing is planned before: half a World would look
    /// like much to prune.
    pub fn is_ready(&self) -> bool {
        self.unlisted().next().is_none()
    }

    /// The kinds of the control plane that have not been listed yet.
    pub fn unlisted(&self) -> impl Iterator<Item = Kind> {
        let watches = self.watches.values().filter(|watch| watch.plane == PlaneKey::Control && !watch.is_listed);
        watches.map(|watch| watch.kind)
    }

    /// Whether nothing is planned, sent or waited for but time.
    pub fn is_quiet(&self) -> bool {
        self.items.is_idle() && self.requests.is_empty()
    }

    /// Requests that are under way.
    pub fn in_flight(&self) -> usize {
        self.requests.len()
    }

    /// What is known.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The platform.
    pub fn platform(&self) -> &Arc<Platform> {
        &self.platform
    }

    /// What has been done so far.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// A planner that was found to use a kind that it does not declare; offline runs end with it.
    pub fn undeclared(&self) -> Option<&UndeclaredUse> {
        self.undeclared.as_ref()
    }

    /// Where the memory is, in bytes: the index of recorded reads, and the number of items.
    pub fn sizes(&self) -> (usize, usize) {
        (self.wake.size(), self.items.len())
    }

    /// Plans every object once more, whatever has changed. At rest this sends no request.
    pub fn replan_all(&mut self) {
        for id in self.items.ids() {
            self.wake_item(id, Urgency::Now);
        }
    }

    /// Whose plans have read an object or a selection that it is in, and so would be made anew if it changed: its blast
    /// radius.
    pub fn readers_of(&self, plane: &PlaneKey, key: &ObjectKey) -> BTreeSet<ObjectKey> {
        let Some(change) = self.world.loss_of(plane, key) else { return BTreeSet::new() };
        let items = self.wake.woken(&change).into_iter().filter_map(|reader| match reader {
            Reader::Item(id) => self.items.get(id).map(|item| item.key.clone()),
            Reader::Lane(_) => None,
        });
        items.collect()
    }

    /// Puts an object as it was seen: for offline runs.
    pub(crate) fn put(&mut self, plane: &PlaneKey, kind: Kind, object: Stored) {
        let change = self.world.put_stored(plane, kind, object, Source::Watch);
        self.changed(change, None);
    }

    /// Takes an object away: for offline runs.
    pub(crate) fn remove(&mut self, plane: &PlaneKey, key: &ObjectKey) {
        let change = self.world.remove(plane, key);
        self.changed(change, None);
    }

    /// Sets what is known of the connection to a plane: for offline runs.
    pub(crate) fn set_plane_state(&mut self, plane: &PlaneKey, state: PlaneState) {
        let change = self.world.set_plane_state(plane, state);
        self.changed(change, None);
    }

    /// Sets the kinds that a plane serves: for offline runs.
    pub(crate) fn set_served_kinds(&mut self, plane: &PlaneKey, kinds: crate::world::ServedKinds) {
        let change = self.world.set_served_kinds(plane, kinds);
        self.changed(change, None);
    }

    /// Says which cluster a plane leads to: for offline runs.
    pub(crate) fn identify(&mut self, plane: &PlaneKey, identity: &str) {
        let (_, change) = self.world.identify(plane, identity);
        self.changed(change, None);
    }

    /// Forgets a plane: for offline runs.
    pub(crate) fn forget_plane(&mut self, plane: &PlaneKey) {
        let change = self.world.forget_plane(plane);
        self.changed(change, None);
    }

    /// An object that is due.
    pub(crate) fn due(&self) -> Option<&ObjectKey> {
        self.items
            .ids()
            .into_iter()
            .filter_map(|id| self.items.get(id))
            .find(|item| item.is_queued)
            .map(|item| &item.key)
    }

    fn lead(&mut self, is_leading: bool) {
        if self.is_leading == is_leading {
            return;
        }
        self.is_leading = is_leading;
        if is_leading {
            // What another one has done meanwhile was watched; whatever is still to be done shows in a pass of each.
            self.replan_all();
        } else {
            // What is under way is answered; nothing more of it is sent.
            for id in self.items.ids() {
                if let Some(flight) = self.items.get_mut(id).and_then(|item| item.flight.as_mut()) {
                    flight.waves.clear();
                }
            }
        }
    }

    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Wakes whom a change concerns. `by` is the item whose own request caused it, if one did.
    fn changed(&mut self, change: Option<Change>, by: Option<ItemId>) {
        let Some(change) = change else { return };
        let is_plane = change.is_of_plane();
        for reader in self.wake.woken(&change) {
            match reader {
                Reader::Item(id) => self.wake_item(id, if is_plane { Urgency::Now } else { Urgency::Soon }),
                Reader::Lane(number) => self.see_to_number(number),
            }
        }
        let Some((key, old, new)) = change.object() else { return };
        if !self.is_of_control(&change) {
            return;
        }
        let urgency = match (old, new) {
            (Some(old), Some(new)) => {
                let is_edited = old.generation() != new.generation()
                    || old.content() != new.content()
                    || old.is_deleting() != new.is_deleting()
                    || !old.is_same_object(new);
                if is_edited { Urgency::Now } else { Urgency::Soon }
            }
            _ => Urgency::Now,
        };
        for planner in self.planners.get(&key.kind).cloned().unwrap_or_default() {
            let id = self.items.find_or_add(planner, key);
            let is_echo = new.is_some_and(|new| self.is_echo(id, new, by));
            if !is_echo {
                self.wake_item(id, urgency);
            }
        }
        if let Some(plane) = plane_registered_by(key) {
            self.see_to(&plane);
        }
    }

    fn is_of_control(&self, change: &Change) -> bool {
        change.is_in(self.world.cluster_id(&PlaneKey::Control))
    }

    /// Whether the new form of an object is what its own item has written of it: a plan that was applied is not planned
    /// again for having been applied.
    fn is_echo(&self, id: ItemId, new: &Stored, by: Option<ItemId>) -> bool {
        let Some(flight) = self.items.get(id).and_then(|item| item.flight.as_ref()) else { return false };
        if flight.generation != new.generation() || flight.content != new.content() {
            return false;
        }
        by == Some(id) || flight.status.as_ref().is_some_and(|status| new.shows(status))
    }

    fn wake_item(&mut self, id: ItemId, urgency: Urgency) {
        let Some(item) = self.items.get_mut(id) else { return };
        if item.flight.is_some() {
            item.again = item.again.max(Some(urgency));
            return;
        }
        if item.is_queued {
            return;
        }
        if urgency == Urgency::Now || item.not_before <= self.now {
            self.items.enqueue(id);
        } else {
            let at = item.not_before;
            self.items.set_timer(id, at);
        }
    }
}

/// What became of a [`Core::step`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A planner of this name made a pass.
    Pass(&'static str),
    /// Something was seen to without a pass.
    Nothing,
    /// There is nothing to do before the next event or [`Core::next_time`].
    Idle,
}

/// The plane that an object of the control plane registers.
fn plane_registered_by(key: &ObjectKey) -> Option<PlaneRef> {
    let kind = match key.kind {
        kind if kind == Kind::of::<DataPlane>() => PlaneKind::DataPlane,
        kind if kind == Kind::of::<BuildPlane>() => PlaneKind::BuildPlane,
        _ => return None,
    };
    Some(PlaneRef { kind, namespace: key.namespace.clone(), name: key.name.clone() })
}

/// A later time; the last there is where it would be beyond.
fn after(now: Timestamp, wait: SignedDuration) -> Timestamp {
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}

/// A wait that doubles with each failure, up to the longest.
fn backoff((first, longest): (SignedDuration, SignedDuration), failures: u32) -> SignedDuration {
    let doubled = first.checked_mul(1 << failures.saturating_sub(1).min(16)).unwrap_or(longest);
    doubled.min(longest)
}
