//! DataPlane, and what a BuildPlane shares with it: the verdict on a real connection, and letting a plane go.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Namespace;
use openchoreo_types::PlatformKind;
use openchoreo_types::common::{KubernetesCluster, PlaneConnection, PlaneRef};
use openchoreo_types::v1alpha1::{BuildPlane, DataPlane, Organization};

use crate::conditions::{CommonReason, Finding, cut};
use crate::hierarchy::home_of;
use crate::kind::{Kind, PlaneKey};
use crate::labels::{self, finalizers};
use crate::plan::{Finalizer, Plan, StatusDraft};
use crate::planner::{PlanContext, Planner, Uses};
use crate::world::indexes::INDEX_PLANE;
use crate::world::{Disconnect, PlaneState, Select};

crate::reasons! {
    /// Why a DataPlane or BuildPlane is or is not ready.
    pub enum PlaneReason for "DataPlane, BuildPlane" {
        Connected => Ready = True, "the plane's API server answered, and all that is read there has been listed",
        Connecting => Ready = Unknown, "the connection is being made",
        CredentialsInvalid => Ready = False, "`spec.kubernetesCluster` cannot be used: a field does not parse, or a Secret or key is missing",
        ServerUnreachable => Ready = False, "the plane's API server does not answer; check the server URL and the network",
        CertificateRefused => Ready = False, "the API server's certificate is not signed by the given CA; check the CA",
        CredentialsRefused => Ready = False, "the API server does not know the token or client certificate; give a new one",
        AccessDenied => Ready = False, "the API server knows the identity and forbids what is needed; apply the roles of `install/data-plane`",
        ServerError => Ready = False, "the API server answered with an error",
        PlaneTooLarge => Ready = False, "the plane holds more than the controllers take of one; nothing there is changed or counts as gone until it holds less",
        GatewayUnknown => Ready = False, "annotation `openchoreo.dev/gateway` names a gateway that the platform does not have; what is published there stays as it is",
        Draining => Ready = False, "the plane is being deleted and what is deployed there is being removed",
        Abandoned => Ready = False, "the plane was deleted while it did not answer; what it still holds was given up",
    }
}

/// The longest version that is shown, in bytes: a plane may call itself what it likes, but must not fill a status.
const VERSION_LIMIT: usize = 256;

/// Checks the connection of data planes, and empties them before they go.
#[derive(Clone, Copy, Debug, Default)]
pub struct DataPlanePlanner;

impl Planner for DataPlanePlanner {
    type Object = DataPlane;

    fn name(&self) -> &'static str {
        "data-plane"
    }

    fn uses(&self) -> Uses {
        plane_uses()
    }

    fn plan(&self, cx: &PlanContext<'_>, plane: &DataPlane) -> Plan {
        let mut draft = StatusDraft::of(plane);
        let key = PlaneKey::data_plane(
            plane.metadata.namespace.clone().unwrap_or_default(),
            plane.metadata.name.clone().unwrap_or_default(),
        );
        let verdict = judge(cx, plane, &key, &plane.spec.kubernetes_cluster, finalizers::DATA_PLANE);
        draft.status.connection = verdict.connection;
        draft.add(verdict.finding);
        if plane.metadata.deletion_timestamp.is_none()
            && let Err(unknown) = cx.platform().gateway_of(plane)
        {
            draft.find(PlaneReason::GatewayUnknown, unknown.to_string());
        }
        let mut plan = verdict.plan;
        plan.report(&draft.finish(cx.now()));
        plan
    }
}

/// The kinds that the planner of a plane reads, beside those that the platform plans for and that record planes.
pub fn plane_uses() -> Uses {
    Uses::new().control::<Namespace>().control::<Organization>()
}

/// What is to be said and done of a plane.
#[derive(Debug)]
pub struct PlaneVerdict {
    /// The plan so far: the finalizer and when to look again.
    pub plan: Plan,
    /// The connection to show.
    pub connection: Option<PlaneConnection>,
    /// The finding on Ready.
    pub finding: Finding,
}

/// Judges a plane by its connection, and lets one that is being deleted go when nothing records objects there, or
/// when it does not answer and is given up.
pub fn judge<K: PlatformKind>(
    cx: &PlanContext<'_>,
    plane: &K,
    key: &PlaneKey,
    cluster: &KubernetesCluster,
    finalizer: &'static str,
) -> PlaneVerdict {
    let state = cx.plane_state(key);
    let mut plan = Plan::new();
    let connection = match &state {
        PlaneState::Connected { server, version } => Some(PlaneConnection {
            server: server.clone(),
            version: cut(version, VERSION_LIMIT),
            cluster: cx.cluster_identity(key),
            ..PlaneConnection::default()
        }),
        _ => None,
    };
    if let Some(deleted) = &plane.meta().deletion_timestamp {
        let finding = release(cx, &mut plan, plane, key, &state, deleted.0, finalizer);
        return PlaneVerdict { plan, connection, finding };
    }
    plan.finalizer = Finalizer::Hold(finalizer);
    let finding = if let Err(error) = home_of(cx, plane) {
        error.into()
    } else if let Err(error) = cluster.connection() {
        Finding::new(PlaneReason::CredentialsInvalid, error.to_string())
    } else {
        finding(&state)
    };
    PlaneVerdict { plan, connection, finding }
}

fn finding(state: &PlaneState) -> Finding {
    match state {
        PlaneState::Connected { server, version, .. } => {
            let version = cut(version, VERSION_LIMIT);
            Finding::new(PlaneReason::Connected, format!("{server} answers with version {version}"))
        }
        PlaneState::Unknown => Finding::new(PlaneReason::Connecting, "the connection is being made"),
        PlaneState::Misconfigured { error } => Finding::new(PlaneReason::CredentialsInvalid, error),
        PlaneState::Unreachable { cause, error, .. } => {
            let reason = match cause {
                Disconnect::NoAnswer => PlaneReason::ServerUnreachable,
                Disconnect::TlsRefused => PlaneReason::CertificateRefused,
                Disconnect::CredentialsRefused => PlaneReason::CredentialsRefused,
                Disconnect::Forbidden => PlaneReason::AccessDenied,
                Disconnect::ServerError => PlaneReason::ServerError,
                Disconnect::TooLarge => PlaneReason::PlaneTooLarge,
            };
            let remedy = match cause {
                Disconnect::NoAnswer => "check the server URL of `spec.kubernetesCluster` and the network to it",
                Disconnect::TlsRefused => "check the CA of `spec.kubernetesCluster`",
                Disconnect::CredentialsRefused => "give a token or client certificate that the server knows",
                Disconnect::Forbidden => "apply the roles of `install/data-plane` there",
                Disconnect::ServerError => "see the API server's log",
                Disconnect::TooLarge => {
                    "remove there what nobody needs, or let the controllers take more with `--plane-objects` and \
                     `--plane-mebibytes`"
                }
            };
            Finding::new(reason, format!("{error}; {remedy}"))
        }
    }
}

fn release<K: PlatformKind>(
    cx: &PlanContext<'_>,
    plan: &mut Plan,
    plane: &K,
    key: &PlaneKey,
    state: &PlaneState,
    deleted: Timestamp,
    finalizer: &'static str,
) -> Finding {
    let holders = key.remote().map_or(0, |plane| holders(cx, plane));
    if holders == 0 {
        plan.finalizer = Finalizer::Release(finalizer);
        return Finding::new(PlaneReason::Draining, "nothing is deployed there any more");
    }
    if matches!(state, PlaneState::Connected { .. }) {
        return Finding::new(
            PlaneReason::Draining,
            format!("{holders} objects still have parts there, which are being removed"),
        );
    }
    let asked = plane.meta().annotations.as_ref().and_then(|a| a.get(labels::ABANDON)).is_some_and(|v| v == "true");
    if asked {
        return give_up(plan, finalizer, holders);
    }
    let Some((since, what)) = out_of_reach(state, deleted) else {
        let message = format!("{holders} objects have parts there, and the plane is not connected yet");
        return Finding::new(CommonReason::PlaneNotConnected, message);
    };
    let deadline = since.checked_add(cx.platform().settings().abandon_after).unwrap_or(Timestamp::MAX);
    if deadline <= cx.now() {
        return give_up(plan, finalizer, holders);
    }
    plan.look_again(deadline);
    let message = format!(
        "{holders} objects have parts there and the plane {what}; they are given up at {deadline}, or at once with annotation {}=true",
        labels::ABANDON
    );
    Finding::new(CommonReason::PlaneUnreachable, message)
}

fn give_up(plan: &mut Plan, finalizer: &'static str, holders: usize) -> Finding {
    plan.finalizer = Finalizer::Release(finalizer);
    let message = format!("the plane does not answer; the parts of {holders} objects there are given up");
    Finding::new(PlaneReason::Abandoned, message)
}

/// Since when a plane that is being deleted cannot be cleaned, and why not; nothing while it can, or while nobody knows.
///
/// What counts is the loss of contact, or the deletion where that came later: a drain may take long, and must not end at
/// its first hiccup. A registration that cannot be used has no such time, so it counts from the deletion.
fn out_of_reach(state: &PlaneState, deleted: Timestamp) -> Option<(Timestamp, String)> {
    match state {
        PlaneState::Connected { .. } | PlaneState::Unknown => None,
        PlaneState::Unreachable { since, .. } => Some((deleted.max(*since), format!("has not answered since {since}"))),
        PlaneState::Misconfigured { error } => {
            Some((deleted, format!("cannot be used, which counts from its deletion at {deleted}: {error}")))
        }
    }
}

/// The kinds that the platform plans for, without planes: whatever has parts in a plane is of one of them.
pub(crate) fn may_record_planes<'c>(cx: &'c PlanContext<'_>) -> impl Iterator<Item = Kind> + 'c {
    let is_plane = |kind: Kind| kind == Kind::of::<DataPlane>() || kind == Kind::of::<BuildPlane>();
    cx.platform().planned_kinds().iter().copied().filter(move |kind| !is_plane(*kind))
}

/// How many objects record that they have parts in a plane, those that cannot be read too.
fn holders(cx: &PlanContext<'_>, plane: &PlaneRef) -> usize {
    let value = format!("{}/{}/{}", plane.kind.as_str(), plane.namespace, plane.name);
    let of = |kind| cx.control().list_stored(&Select::all(kind).index(INDEX_PLANE, value.clone())).len();
    may_record_planes(cx).map(of).sum()
}
