//! Leader election: of several engines over one control plane, one acts.
//!
//! They agree on a Lease of the control plane, which is written only at the revision that was seen: of two that take it
//! at the same time, one is refused. No clock is compared with that of another machine:
//! - who holds the lease leads for `renew_deadline` from the moment at which it *sent* its last renewal that was
//!   accepted, by its own monotonic clock;
//! - who does not hold it takes it when its holder has given it up, or when it has not seen it change for the lease's
//!   duration, by its own monotonic clock, from the moment at which it *saw* the last change.
//!
//! So the first stops before the second begins, whether the API answers or not, as long as the two clocks run equally
//! fast within the difference of both settings. That difference is also how long a write may be on its way after it was
//! dropped. What this cannot know is a write that a network holds back for longer: no Kubernetes API fences it.

use std::time::Duration;

use futures::StreamExt;
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{Api, ObjectMeta, PostParams};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, ResourceExt};
use tokio::sync::{oneshot, watch as channel};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tracing::{debug, info, warn};

use super::fence::{End, Fence, Term};
use crate::extension::chain;

/// How often the lease is read and written again at the end, where others write it too.
const RELEASE_ATTEMPTS: usize = 3;
/// How long nothing is done where there is nothing to wait for.
const A_LONG_TIME: Duration = Duration::from_secs(3600);

/// How engines over one control plane agree on the one that acts. The durations by default are those of Kubernetes' own
/// controllers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaderSettings {
    /// Namespace of the Lease.
    pub namespace: String,
    /// Name of the Lease.
    pub name: String,
    /// Who this process is; no other process may ever have the same.
    pub identity: String,
    /// How long others wait after the last renewal that they saw. In the Lease it stands in whole seconds, rounded up.
    pub lease_duration: Duration,
    /// How long this process goes on after the last renewal that it sent and that was accepted; less than
    /// `lease_duration`.
    pub renew_deadline: Duration,
    /// How long between two renewals, or attempts; less than `renew_deadline`.
    pub retry_period: Duration,
}

impl LeaderSettings {
    /// The default settings for a process.
    pub fn new(identity: impl Into<String>) -> Self {
        Self {
            namespace: "choreo-system".to_owned(),
            name: "choreo-control-plane-controller-manager".to_owned(),
            identity: identity.into(),
            lease_duration: Duration::from_secs(15),
            renew_deadline: Duration::from_secs(10),
            retry_period: Duration::from_secs(2),
        }
    }

    /// What is wrong with these settings, if anything is.
    pub(super) fn fault(&self) -> Option<&'static str> {
        if self.identity.is_empty() {
            Some("`identity` is empty")
        } else if self.renew_deadline >= self.lease_duration {
            Some("`renew_deadline` is not less than `lease_duration`")
        } else if self.retry_period >= self.renew_deadline || self.retry_period.is_zero() {
            Some("`retry_period` is not between zero and `renew_deadline`")
        } else {
            None
        }
    }
}

/// The part of this process in the election; dropping it ends the part, and the lease runs out.
pub(super) struct Leadership {
    fence: Fence,
    election: Option<Election>,
    running: Option<Running>,
}

struct Running {
    resign: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Drop for Leadership {
    fn drop(&mut self) {
        if let Some(running) = &self.running {
            running.task.abort();
        }
    }
}

impl Leadership {
    /// Takes no part before it is started. Without settings, this process leads for ever.
    pub(super) fn new(control: &Client, settings: Option<LeaderSettings>) -> Self {
        let end = if settings.is_some() { End::Past } else { End::Never };
        let (term, fence) = channel::channel(Term { number: 0, end });
        let election = settings.map(|settings| Election {
            api: Api::namespaced(control.clone(), &settings.namespace),
            settings,
            term,
            seen: None,
            written: None,
        });
        Self { fence: Fence(fence), election, running: None }
    }

    /// What stands around writes.
    pub(super) fn fence(&self) -> Fence {
        self.fence.clone()
    }

    pub(super) fn start(&mut self) {
        if let Some(election) = self.election.take() {
            let (resign, resigned) = oneshot::channel();
            self.running = Some(Running { resign, task: tokio::spawn(election.run(resigned)) });
        }
    }

    /// Ends the term, and gives the lease up, so that another can lead at once.
    pub(super) async fn resign(mut self) {
        if let Some(Running { resign, mut task }) = self.running.take() {
            let _ = resign.send(());
            let _ = (&mut task).await;
        }
    }
}

/// The Lease as it was seen last.
struct Seen {
    /// Nothing where there is none.
    lease: Option<Lease>,
    /// When it was first seen like this.
    since: Instant,
    /// Whether there was ever one.
    was_there: bool,
}

/// What became of an attempt to write the Lease.
enum Written {
    /// It is ours, and was written then.
    Ours(Instant),
    /// It is another's.
    Theirs,
    /// It is not known.
    Unknown(String),
}

struct Election {
    api: Api<Lease>,
    settings: LeaderSettings,
    term: channel::Sender<Term>,
    seen: Option<Seen>,
    /// What was written last, answered or not, and when it was sent.
    written: Option<(LeaseSpec, Instant)>,
}

impl Election {
    async fn run(mut self, mut resigned: oneshot::Receiver<()>) {
        loop {
            let acquired = tokio::select! {
                biased;
                _ = &mut resigned => break,
                acquired = self.follow() => acquired,
            };
            self.begin(acquired);
            tokio::select! {
                biased;
                _ = &mut resigned => break,
                () = self.lead() => self.end(),
            }
        }
        self.end();
        self.release().await;
    }

    fn begin(&self, acquired: Instant) {
        info!(identity = %self.settings.identity, lease = %self.settings.name, "leading");
        let end = End::At(acquired + self.settings.renew_deadline);
        self.term.send_modify(|term| *term = Term { number: term.number + 1, end });
    }

    fn end(&self) {
        self.term.send_modify(|term| term.end = End::Past);
    }

    /// Waits for the lease to be free, and takes it; gives when that was sent.
    async fn follow(&mut self) -> Instant {
        let watch = watcher::watch_object(self.api.clone(), &self.settings.name).default_backoff();
        let mut watch = std::pin::pin!(watch);
        let mut not_before = Instant::now();
        let mut holder = None;
        loop {
            let due = self.due().map_or_else(|| Instant::now() + A_LONG_TIME, |due| due.max(not_before));
            tokio::select! {
                Some(news) = watch.next() => match news {
                    Ok(lease) => self.see(lease),
                    Err(error) => warn!(error = %chain(&error), "the lease cannot be watched; it is tried again"),
                },
                () = sleep_until(due) => {
                    match self.write().await {
                        Written::Ours(sent) => return sent,
                        Written::Theirs => {}
                        Written::Unknown(error) => warn!(%error, "the lease cannot be taken; it is tried again"),
                    }
                    not_before = Instant::now() + self.settings.retry_period;
                }
            }
            let now_held_by = self.seen.as_ref().and_then(|seen| seen.lease.as_ref()).and_then(holder_of);
            if now_held_by != holder.as_deref() {
                holder = now_held_by.map(str::to_owned);
                if let Some(holder) = &holder {
                    info!(%holder, "another process leads");
                }
            }
        }
    }

    /// Notes the Lease as it is.
    fn see(&mut self, lease: Option<Lease>) {
        let form = |lease: &Option<Lease>| lease.as_ref().map(|lease| (lease.uid(), lease.resource_version()));
        let was_there = lease.is_some() || self.seen.as_ref().is_some_and(|seen| seen.was_there);
        if self.seen.as_ref().is_none_or(|seen| form(&seen.lease) != form(&lease)) {
            self.seen = Some(Seen { lease, since: Instant::now(), was_there });
        }
    }

    /// When the lease may be taken, as far as is known.
    fn due(&self) -> Option<Instant> {
        let seen = self.seen.as_ref()?;
        let Some(lease) = &seen.lease else {
            // One that was removed had a holder, perhaps, who does not know yet.
            let wait = if seen.was_there { self.settings.lease_duration } else { Duration::ZERO };
            return Some(seen.since + wait);
        };
        let wait = match (holder_of(lease), &lease.spec) {
            (Some(_), Some(spec)) => {
                let seconds = spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
                seconds.map_or(self.settings.lease_duration, Duration::from_secs)
            }
            (_, _) => Duration::ZERO,
        };
        Some(seen.since + wait)
    }

    /// Renews the lease until that has not succeeded for too long, or another holds it.
    async fn lead(&mut self) {
        loop {
            let End::At(end) = self.term.borrow().end else { return };
            sleep_until((Instant::now() + self.settings.retry_period).min(end)).await;
            match timeout_at(end, self.write()).await {
                Ok(Written::Ours(sent)) => {
                    let end = End::At(sent + self.settings.renew_deadline);
                    self.term.send_modify(|term| term.end = end);
                }
                Ok(Written::Theirs) => return warn!("the lease is another's; this process leads no more"),
                Ok(Written::Unknown(error)) => warn!(%error, "the lease cannot be renewed; it is tried again"),
                Err(_) => return warn!("the lease was not renewed in time; this process leads no more"),
            }
        }
    }

    /// Writes the lease as ours, if it still is as it was seen; where that is refused or not answered, looks at it.
    async fn write(&mut self) -> Written {
        let patience = self.settings.renew_deadline / 2;
        let seen = self.seen.as_ref().and_then(|seen| seen.lease.clone());
        let (spec, sent) = (self.as_ours(seen.as_ref().and_then(|lease| lease.spec.as_ref())), Instant::now());
        self.written = Some((spec.clone(), sent));
        let error = match timeout(patience, self.put(seen, spec)).await {
            Ok(Ok(lease)) => {
                self.see(Some(lease));
                return Written::Ours(sent);
            }
            Ok(Err(error)) => chain(&error),
            Err(_) => "no answer".to_owned(),
        };
        let found = match timeout(patience, self.api.get_opt(&self.settings.name)).await {
            Ok(Ok(found)) => found,
            Ok(Err(_)) | Err(_) => return Written::Unknown(error),
        };
        self.see(found.clone());
        match found {
            // Written after all.
            Some(lease) if lease.spec == self.written.as_ref().map(|(spec, _)| spec.clone()) => Written::Ours(sent),
            Some(lease) if holder_of(&lease) != Some(&self.settings.identity) => Written::Theirs,
            Some(_) | None => Written::Unknown(error),
        }
    }

    /// Puts a spec in the place of the one that was seen; refused where that is not there any more.
    async fn put(&self, seen: Option<Lease>, spec: LeaseSpec) -> Result<Lease, kube::Error> {
        let name = &self.settings.name;
        match seen {
            Some(lease) => self.api.replace(name, &PostParams::default(), &Lease { spec: Some(spec), ..lease }).await,
            None => {
                let metadata = ObjectMeta { name: Some(name.clone()), ..ObjectMeta::default() };
                self.api.create(&PostParams::default(), &Lease { metadata, spec: Some(spec) }).await
            }
        }
    }

    /// The spec of the lease held by this process from now on.
    fn as_ours(&self, seen: Option<&LeaseSpec>) -> LeaseSpec {
        let now = now();
        let is_ours = seen.is_some_and(|seen| seen.holder_identity.as_ref() == Some(&self.settings.identity));
        let transitions = seen.map(|seen| seen.lease_transitions.unwrap_or(0));
        let duration = self.settings.lease_duration;
        let seconds = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
        LeaseSpec {
            acquire_time: seen.filter(|_| is_ours).map_or_else(|| now.clone(), |seen| seen.acquire_time.clone()),
            holder_identity: Some(self.settings.identity.clone()),
            lease_duration_seconds: Some(i32::try_from(seconds).unwrap_or(i32::MAX)),
            lease_transitions: Some(transitions.map_or(0, |number| number.saturating_add(i32::from(!is_ours)))),
            renew_time: now,
            ..LeaseSpec::default()
        }
    }

    /// Gives the lease up where it is ours.
    async fn release(&mut self) {
        if self.written.is_none() {
            return;
        }
        for _ in 0..RELEASE_ATTEMPTS {
            let found = timeout(self.settings.renew_deadline / 2, self.api.get_opt(&self.settings.name)).await;
            let Ok(Ok(Some(lease))) = found else { return };
            if holder_of(&lease) != Some(&self.settings.identity) {
                return;
            }
            let spec = LeaseSpec {
                holder_identity: None,
                lease_duration_seconds: Some(1),
                lease_transitions: lease.spec.as_ref().and_then(|spec| spec.lease_transitions),
                renew_time: now(),
                ..LeaseSpec::default()
            };
            match timeout(self.settings.renew_deadline / 2, self.put(Some(lease), spec)).await {
                Ok(Ok(_)) => return info!("the lease is given up"),
                Ok(Err(error)) => debug!(error = %chain(&error), "the lease cannot be given up"),
                Err(_) => debug!("the lease cannot be given up: no answer"),
            }
        }
    }
}

/// The time as a Lease holds it. It is for people: no decision rests on it.
fn now() -> Option<MicroTime> {
    Timestamp::from_microsecond(Timestamp::now().as_microsecond()).ok().map(MicroTime)
}

fn holder_of(lease: &Lease) -> Option<&str> {
    lease.spec.as_ref()?.holder_identity.as_deref().filter(|holder| !holder.is_empty())
}
