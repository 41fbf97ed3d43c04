//! Connecting to planes, watching them, and giving them up.
//!
//! A plane is connected when it has answered, and everything that planners read there has been listed. What a cluster
//! holds is watched once, by whichever of its planes came first. One failed request or watch says nothing about a
//! plane: it is asked whether it answers, and only when it does not, twice, is it called unreachable. Nobody polls a
//! plane that is connected.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Namespace;
use openchoreo_types::common::PlaneRef;

use super::answers::is_about_the_plane;
use super::lanes::{End, Lane, Phase, Watch};
use super::protocol::{Command, Facts, News, Scope, Trouble, WatchId};
use super::{Core, Reader, after, backoff};
use crate::client::Credentials;
use crate::extension::chain;
use crate::hierarchy::{HierarchyError, home};
use crate::kind::{Kind, ObjectKey, PlaneKey};
use crate::planner::PlanContext;
use crate::world::{Disconnect, PlaneState, ServedKinds, Serves, Source};

/// How long a plane whose credentials are gone keeps its connection, in case it turns out to be going itself: watches of
/// different kinds are not ordered.
const ORPHAN_GRACE: SignedDuration = SignedDuration::from_secs(2);
/// How long until a plane that did not answer once is asked again.
const SECOND_PROBE: SignedDuration = SignedDuration::from_secs(1);
/// How often a single watch may fail in a row before its plane is not called connected any more, though it answers.
const WATCH_FAILURES: u32 = 5;

impl Core {
    pub(super) fn watch(&mut self, plane: PlaneKey, kind: Kind, scope: Scope) -> WatchId {
        let watch = WatchId(self.next_id());
        self.watches.insert(watch, Watch { plane: plane.clone(), kind, is_listed: false, failures: 0 });
        self.commands.push_back(Command::Watch { watch, plane, kind, scope });
        watch
    }

    fn stop_watching(&mut self, watch: WatchId) {
        if self.watches.remove(&watch).is_some() {
            self.commands.push_back(Command::StopWatching(watch));
        }
    }

    /// Takes what a watch tells.
    pub(super) fn watched(&mut self, id: WatchId, news: News) {
        let Some(watch) = self.watches.get_mut(&id) else { return };
        let (plane, kind) = (watch.plane.clone(), watch.kind);
        if !matches!(news, News::Failed(_)) {
            watch.failures = 0;
        }
        match news {
            News::ListBegins => self.world.begin_list(&plane, kind),
            // An answer was faster to tell its end.
            News::Put(object) if self.gone.hides(&object, Source::Watch) => {}
            // What was gone may be listed again where the server's store was restored.
            News::Listed(object) | News::Put(object) => {
                self.gone.forget(&object.uid());
                let change = self.world.put_stored(&plane, kind, object, Source::Watch);
                self.changed(change, None);
                self.keep_bounds(&plane);
            }
            News::Gone(object) => {
                let key = object.key(kind);
                self.remove_uid(&plane, &key, &object.uid(), End::Told(object.revision_number()));
            }
            News::ListEnds => {
                watch.is_listed = true;
                let (changes, doubtful) = self.world.end_list(&plane, kind);
                for change in changes {
                    if let Some((_, Some(old), _)) = change.object() {
                        self.gone.add(old.uid(), End::Unlisted);
                    }
                    self.changed(Some(change), None);
                }
                for key in doubtful {
                    self.doubt(&plane, key);
                }
                self.check_listed();
            }
            News::Failed(trouble) => {
                watch.failures = watch.failures.saturating_add(1);
                let failures = watch.failures;
                self.watch_failed(&plane, kind, trouble, failures);
            }
        }
    }

    fn watch_failed(&mut self, plane: &PlaneKey, kind: Kind, trouble: Trouble, failures: u32) {
        let PlaneKey::Remote(remote) = plane else { return };
        let Some(lane) = self.lanes.get(remote) else { return };
        let is_listing = matches!(lane.phase, Phase::Listing(_));
        let is_final = trouble.cause == Disconnect::Forbidden || failures >= WATCH_FAILURES;
        if is_listing && is_final || failures >= WATCH_FAILURES {
            let message = format!("cannot watch {kind}: {}", trouble.message);
            return self.break_off(&remote.clone(), Trouble { cause: trouble.cause, message });
        }
        self.ask_whether_it_answers(&remote.clone());
    }

    /// Connects to a plane, or drops it, as its registration and credentials now are.
    pub(super) fn see_to(&mut self, plane: &PlaneRef) {
        if !self.settings.connects {
            return;
        }
        let number = match self.lane_numbers.get(plane) {
            Some(number) => *number,
            None => {
                let number = u32::try_from(self.lane_numbers.len()).unwrap_or(u32::MAX);
                self.lane_numbers.insert(plane.clone(), number);
                number
            }
        };
        let cx = PlanContext::new(&self.world, self.platform.extensions(), self.now);
        let resolved = Credentials::resolve(&cx, plane);
        // What is cleaned before its organization goes, is cleaned through its planes.
        let is_home = matches!(home(&cx, &plane.namespace), Ok(_) | Err(HierarchyError::OrganizationDeleting { .. }));
        self.wake.record(Reader::Lane(number), cx.into_reads());
        let credentials = match resolved {
            Ok(Some(credentials)) => credentials,
            Ok(None) => return self.drop_lane(plane),
            Err(error) => return self.misconfigured(plane, chain(&error)),
        };
        let now = self.now;
        let lane = self.lanes.entry(plane.clone()).or_insert_with(|| Lane::new(plane.clone()));
        lane.orphaned = None;
        // Of no organization, it is nobody's to connect to.
        if !is_home && lane.phase == Phase::Idle {
            return;
        }
        let fingerprint = credentials.fingerprint();
        let is_due = match lane.phase {
            Phase::Broken(at) => at <= now,
            Phase::Idle => true,
            Phase::Connecting | Phase::Listing(_) | Phase::Open => false,
        };
        if lane.fingerprint == Some(fingerprint) && !is_due {
            return;
        }
        lane.fingerprint = Some(fingerprint);
        lane.attempt += 1;
        lane.is_probing = false;
        lane.probe_at = None;
        // A connection that stands goes on while new credentials are tried.
        if !lane.is_connected() {
            lane.phase = Phase::Connecting;
        }
        let command = Command::Connect { plane: plane.clone(), attempt: lane.attempt, credentials };
        self.commands.push_back(command);
        if matches!(self.world.plane_state(&PlaneKey::Remote(plane.clone())), PlaneState::Misconfigured { .. }) {
            let change = self.world.set_plane_state(&PlaneKey::Remote(plane.clone()), PlaneState::Unknown);
            self.changed(change, None);
        }
    }

    pub(super) fn see_to_number(&mut self, number: u32) {
        let plane = self.lane_numbers.iter().find(|(_, of)| **of == number).map(|(plane, _)| plane.clone());
        if let Some(plane) = plane {
            self.see_to(&plane);
        }
    }

    /// A plane that goes, alone or with its namespace, keeps the connection that it has when its credentials go first:
    /// it is needed for cleaning.
    fn misconfigured(&mut self, plane: &PlaneRef, error: String) {
        let going = [ObjectKey::registration(plane), ObjectKey::of::<Namespace>("", &plane.namespace)];
        let is_going =
            going.iter().any(|key| self.world.get(&PlaneKey::Control, key).is_some_and(|live| live.is_deleting()));
        let (now, (_, longest)) = (self.now, self.settings.reconnect);
        let lane = self.lanes.entry(plane.clone()).or_insert_with(|| Lane::new(plane.clone()));
        if lane.phase != Phase::Idle {
            let since = *lane.orphaned.get_or_insert(now);
            let end = after(since, ORPHAN_GRACE);
            if is_going || now < end {
                if let Phase::Broken(at) = lane.phase
                    && at <= now
                {
                    // It cannot be connected to again now; since when it does not answer stays known.
                    lane.phase = Phase::Broken(if is_going { after(now, longest) } else { end });
                }
                if !is_going {
                    lane.probe_at = Some(end);
                }
                return;
            }
        }
        self.close(plane);
        let change = self.world.set_plane_state(&PlaneKey::Remote(plane.clone()), PlaneState::Misconfigured { error });
        self.changed(change, None);
    }

    /// The registration is gone.
    fn drop_lane(&mut self, plane: &PlaneRef) {
        self.close(plane);
        self.lanes.remove(plane);
        if let Some(number) = self.lane_numbers.get(plane) {
            // The number stays taken, so that it never names another plane.
            self.wake.forget(Reader::Lane(*number));
        }
        let change = self.world.forget_plane(&PlaneKey::Remote(plane.clone()));
        self.changed(change, None);
    }

    /// Ends a connection: its watches go, or to another plane of the same cluster; who waits for room goes on.
    fn close(&mut self, plane: &PlaneRef) {
        let Some(lane) = self.lanes.get_mut(plane) else { return };
        let was_connected = lane.phase != Phase::Idle;
        lane.phase = Phase::Idle;
        lane.fingerprint = None;
        lane.attempt += 1;
        lane.serves_soon = None;
        lane.is_probing = false;
        lane.probe_at = None;
        let waiting = lane.room.everyone();
        if was_connected {
            self.commands.push_back(Command::Disconnect(plane.clone()));
        }
        self.items.resume_all(&waiting);
        self.stop_watches(plane);
    }

    /// Stops the watches of a plane; other planes of the same cluster take them over.
    fn stop_watches(&mut self, plane: &PlaneRef) {
        let Some(lane) = self.lanes.get_mut(plane) else { return };
        let watches = std::mem::take(&mut lane.watches);
        if watches.is_empty() {
            return;
        }
        for watch in watches.into_values() {
            self.stop_watching(watch);
        }
        for other in self.lanes_of_same_cluster(plane) {
            self.watch_what_is_needed(&other);
        }
    }

    fn lanes_of_same_cluster(&self, plane: &PlaneRef) -> Vec<PlaneRef> {
        let key = PlaneKey::Remote(plane.clone());
        let is_other = |lane: &&Lane| lane.plane != *plane && self.world.is_same_cluster(&lane.key, &key);
        self.lanes.values().filter(is_other).map(|lane| lane.plane.clone()).collect()
    }

    /// An attempt to connect has come to its end.
    pub(super) fn connected(&mut self, plane: &PlaneRef, attempt: u64, outcome: Result<Facts, Trouble>) {
        let Some(lane) = self.lanes.get_mut(plane).filter(|lane| lane.attempt == attempt) else { return };
        let facts = match outcome {
            Ok(facts) => facts,
            Err(trouble) if lane.is_connected() && trouble.cause == Disconnect::NoAnswer && lane.missed == 0 => {
                // New credentials are tried, and the old connection stands: one silence decides nothing here either.
                lane.missed = 1;
                lane.fingerprint = None;
                lane.probe_at = Some(after(self.now, SECOND_PROBE));
                return;
            }
            Err(trouble) => return self.break_off(plane, trouble),
        };
        lane.missed = 0;
        let key = lane.key.clone();
        let is_new = !lane.is_connected();
        if is_new {
            lane.phase = Phase::Listing(after(self.now, self.settings.listing));
        }
        lane.facts = Some(facts.clone());
        if let Some(identity) = &facts.identity {
            let left_behind = self.lanes_of_same_cluster(plane);
            let (has_moved, change) = self.world.identify(&key, identity);
            if has_moved {
                // It leads to another cluster than the one that was watched, or to one that is watched already.
                if let Some(lane) = self.lanes.get_mut(plane) {
                    lane.phase = Phase::Listing(after(self.now, self.settings.listing));
                }
                self.stop_watches(plane);
                for other in left_behind {
                    self.watch_what_is_needed(&other);
                }
                let change = self.world.set_plane_state(&key, PlaneState::Unknown);
                self.changed(change, None);
            }
            self.changed(change, None);
        }
        self.serves(plane, attempt, facts.kinds);
        self.check_listed();
    }

    /// A plane serves other kinds than before, or its kinds are known for the first time.
    pub(super) fn serves(&mut self, plane: &PlaneRef, attempt: u64, kinds: ServedKinds) {
        let Some(lane) = self.lanes.get_mut(plane).filter(|lane| lane.attempt == attempt) else { return };
        let key = lane.key.clone();
        if lane.phase == Phase::Open {
            // What is served anew is told to planners when it has been listed: what is not listed looks clean.
            lane.serves_soon = Some(kinds.clone());
        } else {
            let change = self.world.set_served_kinds(&key, kinds.clone());
            self.changed(change, None);
        }
        let Some(lane) = self.lanes.get_mut(plane) else { return };
        let is_served =
            |kind: &Kind| kinds.contains(&(kind.group.to_owned(), kind.version.to_owned(), kind.kind.to_owned()));
        let gone: Vec<(Kind, WatchId)> =
            lane.watches.iter().filter(|(kind, _)| !is_served(kind)).map(|(kind, watch)| (*kind, *watch)).collect();
        for (kind, _) in &gone {
            lane.watches.remove(kind);
        }
        let is_known_gone = |kind: &Kind| !kinds.iter().any(|(group, _, name)| kind.is(group, name));
        for (kind, watch) in gone {
            self.stop_watching(watch);
            // Without the kind, no object of it is left. In another version only, they are there and cannot be seen.
            if is_known_gone(&kind) {
                for change in self.world.remove_kind(&key, kind) {
                    self.changed(Some(change), None);
                }
            }
        }
        self.watch_what_is_needed(plane);
        self.check_listed();
    }

    /// The kinds that planners read in a plane and that it serves.
    fn needed_kinds(&self, plane: &PlaneRef) -> Vec<(Kind, bool)> {
        let key = PlaneKey::Remote(plane.clone());
        let soon = self.lanes.get(plane).and_then(|lane| lane.serves_soon.as_ref());
        let registration = self.world.get(&PlaneKey::Control, &ObjectKey::registration(plane));
        let builds =
            registration.is_some_and(|registration| registration.has_label(crate::labels::BUILD_PLANE, "true"));
        let watches = self.platform.remote_watches_of(plane.kind, builds);
        let is_served = |kind: Kind| match soon {
            Some(kinds) => kinds.contains(&(kind.group.to_owned(), kind.version.to_owned(), kind.kind.to_owned())),
            None => self.world.serves(&key, kind) == Serves::Yes,
        };
        watches.into_iter().filter(|(kind, _)| is_served(*kind)).collect()
    }

    /// The watch of a kind in the cluster of a plane, through whichever lane.
    fn watch_of(&self, plane: &PlaneRef, kind: Kind) -> Option<&Watch> {
        let key = PlaneKey::Remote(plane.clone());
        let lanes = self.lanes.values().filter(|lane| self.world.is_same_cluster(&lane.key, &key));
        lanes.filter_map(|lane| lane.watches.get(&kind)).find_map(|watch| self.watches.get(watch))
    }

    fn watch_what_is_needed(&mut self, plane: &PlaneRef) {
        if !self.lanes.get(plane).is_some_and(Lane::is_connected) {
            return;
        }
        for (kind, is_owned) in self.needed_kinds(plane) {
            if self.watch_of(plane, kind).is_none() {
                let scope = if is_owned { Scope::Has(crate::labels::OWNER) } else { Scope::WithoutStatus };
                let watch = self.watch(PlaneKey::Remote(plane.clone()), kind, scope);
                if let Some(lane) = self.lanes.get_mut(plane) {
                    lane.watches.insert(kind, watch);
                }
            }
        }
    }

    /// Calls planes connected whose lists are complete.
    fn check_listed(&mut self) {
        let planes: Vec<PlaneRef> = self.lanes.keys().cloned().collect();
        for plane in planes {
            let Some(lane) = self.lanes.get(&plane) else { continue };
            let is_waiting = matches!(lane.phase, Phase::Listing(_)) || lane.serves_soon.is_some();
            let unlisted =
                |(kind, _): &(Kind, bool)| !self.watch_of(&plane, *kind).is_some_and(|watch| watch.is_listed);
            if !is_waiting || self.needed_kinds(&plane).iter().any(unlisted) {
                continue;
            }
            let Some(lane) = self.lanes.get_mut(&plane) else { continue };
            lane.phase = Phase::Open;
            lane.failures = 0;
            let key = lane.key.clone();
            let soon = lane.serves_soon.take();
            let (server, version) =
                lane.facts.as_ref().map(|facts| (facts.server.clone(), facts.version.clone())).unwrap_or_default();
            if let Some(kinds) = soon {
                let change = self.world.set_served_kinds(&key, kinds);
                self.changed(change, None);
            }
            let change = self.world.set_plane_state(&key, PlaneState::Connected { server, version });
            self.changed(change, None);
        }
    }

    /// A request failed in a way that may be the plane's.
    pub(super) fn suspect(&mut self, plane: &PlaneKey, trouble: &Trouble) {
        if let PlaneKey::Remote(plane) = plane
            && is_about_the_plane(trouble)
        {
            self.ask_whether_it_answers(&plane.clone());
        }
    }

    fn ask_whether_it_answers(&mut self, plane: &PlaneRef) {
        let Some(lane) = self.lanes.get_mut(plane) else { return };
        if lane.phase == Phase::Open && !lane.is_probing && lane.probe_at.is_none() {
            lane.is_probing = true;
            let command = Command::Probe { plane: plane.clone(), attempt: lane.attempt };
            self.commands.push_back(command);
        }
    }

    /// A plane was asked whether it answers.
    pub(super) fn probed(&mut self, plane: &PlaneRef, attempt: u64, outcome: Result<(), Trouble>) {
        let now = self.now;
        let Some(lane) = self.lanes.get_mut(plane).filter(|lane| lane.attempt == attempt) else { return };
        lane.is_probing = false;
        match outcome {
            Ok(()) => lane.missed = 0,
            Err(trouble) => {
                lane.missed += 1;
                let is_certain = matches!(trouble.cause, Disconnect::TlsRefused | Disconnect::CredentialsRefused);
                if lane.missed >= 2 || is_certain {
                    self.break_off(plane, trouble);
                } else {
                    lane.probe_at = Some(after(now, SECOND_PROBE));
                }
            }
        }
    }

    /// Gives up a cluster that holds more than is taken of one, with all planes that lead there. What was seen of it is
    /// dropped: what is listed later may be other objects, and both together would be more again.
    pub(super) fn keep_bounds(&mut self, plane: &PlaneKey) {
        let PlaneKey::Remote(remote) = plane else { return };
        let bounds = self.settings.plane_bounds;
        let (mut objects, mut bytes) = (0, 0);
        for (_, number, size) in self.world.held(plane) {
            (objects, bytes) = (objects + number, bytes + size);
        }
        let (what, by_number) = if objects > bounds.objects {
            (format!("{} objects", bounds.objects), true)
        } else if bytes > bounds.bytes {
            (format!("{} MiB", bounds.bytes >> 20), false)
        } else {
            return;
        };
        let share = |(_, number, size): &(Kind, usize, usize)| if by_number { *number } else { *size };
        let most = self.world.held(plane).max_by_key(share).map(|(kind, number, _)| format!("{number} are {kind}"));
        let message = format!("it holds more than {what}; of those seen {}", most.unwrap_or_default());
        let mut planes = self.lanes_of_same_cluster(remote);
        planes.push(remote.clone());
        let is_watched = |plane: &&PlaneRef| self.lanes.get(*plane).is_some_and(Lane::is_connected);
        let watched: Vec<PlaneRef> = planes.iter().filter(is_watched).cloned().collect();
        // None takes over the watches of another.
        for plane in &watched {
            if let Some(lane) = self.lanes.get_mut(plane) {
                lane.phase = Phase::Broken(self.now);
            }
        }
        for plane in &watched {
            self.break_off(plane, Trouble { cause: Disconnect::TooLarge, message: message.clone() });
        }
        for plane in planes {
            let change = self.world.forget_objects(&PlaneKey::Remote(plane));
            self.changed(Some(change), None);
        }
    }

    /// Calls a plane unreachable, and connects again after a while, ever less often.
    fn break_off(&mut self, plane: &PlaneRef, trouble: Trouble) {
        let now = self.now;
        let waits = if trouble.cause == Disconnect::TooLarge { self.settings.relist } else { self.settings.reconnect };
        let Some(lane) = self.lanes.get_mut(plane) else { return };
        lane.failures = lane.failures.saturating_add(1);
        lane.phase = Phase::Broken(after(now, backoff(waits, lane.failures)));
        lane.missed = 0;
        lane.is_probing = false;
        lane.probe_at = None;
        lane.serves_soon = None;
        let key = lane.key.clone();
        let waiting = lane.room.everyone();
        self.stop_watches(plane);
        let state = match self.world.plane_state(&key) {
            // The text of an error may differ each time; what is wrong is the same.
            PlaneState::Unreachable { since, cause, error } if cause == trouble.cause => {
                PlaneState::Unreachable { since, cause, error }
            }
            PlaneState::Unreachable { since, .. } => {
                PlaneState::Unreachable { since, cause: trouble.cause, error: trouble.message }
            }
            PlaneState::Unknown | PlaneState::Connected { .. } | PlaneState::Misconfigured { .. } => {
                PlaneState::Unreachable { since: now, cause: trouble.cause, error: trouble.message }
            }
        };
        let change = self.world.set_plane_state(&key, state);
        self.changed(change, None);
        self.items.resume_all(&waiting);
    }

    /// Does what the time asks for: connects again, asks again, gives up waiting for lists.
    pub(super) fn tend_lanes(&mut self) {
        let now = self.now;
        let is_due = |lane: &&Lane| lane.timer().is_some_and(|at: Timestamp| at <= now);
        let due: Vec<PlaneRef> = self.lanes.values().filter(is_due).map(|lane| lane.plane.clone()).collect();
        for plane in due {
            let Some(lane) = self.lanes.get_mut(&plane) else { continue };
            if lane.probe_at.is_some_and(|at| at <= now) {
                lane.probe_at = None;
                // Its credentials may be gone, or those that it has now have not been answered yet.
                let is_connecting = lane.fingerprint.is_none();
                let (is_orphaned, has_missed) = (lane.orphaned.is_some(), lane.missed > 0);
                if is_orphaned || is_connecting {
                    self.see_to(&plane);
                }
                if has_missed && !is_connecting {
                    self.ask_whether_it_answers(&plane);
                }
                continue;
            }
            match lane.phase {
                Phase::Broken(_) => self.see_to(&plane),
                Phase::Listing(_) => {
                    let missing: BTreeSet<String> = self
                        .needed_kinds(&plane)
                        .into_iter()
                        .filter(|(kind, _)| !self.watch_of(&plane, *kind).is_some_and(|watch| watch.is_listed))
                        .map(|(kind, _)| kind.to_string())
                        .collect();
                    let missing = missing.into_iter().collect::<Vec<_>>().join(", ");
                    let seconds = self.settings.listing.as_secs();
                    let message = format!("listing {missing} takes longer than {seconds} s");
                    self.break_off(&plane, Trouble { cause: Disconnect::NoAnswer, message });
                }
                Phase::Idle | Phase::Connecting | Phase::Open => {}
            }
        }
    }
}
