//! Endpoint: who may reach what a deployment serves, and at which address.
//!
//! The planner decides three things in turn, each in a module of its own: where the endpoint belongs
//! (`placement`), what is published of it at each visibility (`publication`), and under which address people reach
//! it (`address`). What is published is rendered by the platform's gateway.
//!
//! Routes go as soon as nobody should use them: when the endpoint, its deployment or a parent is being deleted, when a
//! visibility is no longer written down, and when what protects them can no longer be rendered. Routes stay, and the
//! condition says so, while a parent is only missing or a plane does not answer.

mod address;
mod placement;
mod publication;
mod reason;

use k8s_openapi::api::core::v1::{Namespace, Service};
use openchoreo_core::conditions::CommonReason;
use openchoreo_core::kind::PlaneKey;
use openchoreo_core::labels::{self, Owner, finalizers};
use openchoreo_core::naming::LabelValue;
use openchoreo_core::plan::{Finalizer, Plan, StatusDraft};
use openchoreo_core::planner::{PlanContext, Planner, Uses};
use openchoreo_core::record::recorded_by;
use openchoreo_core::remote::{forget_clean, settle, usable};
use openchoreo_core::world::Stored;
use openchoreo_types::PlatformKind;
use openchoreo_types::common::PlaneRef;
use openchoreo_types::foreign::gateway_api::{Gateway, HTTPRoute};
use openchoreo_types::v1alpha1::{DataPlane, Deployment, DeploymentTrack, Endpoint, EndpointStatus, Environment};

pub use reason::EndpointReason;

use placement::{Placement, Standstill};

/// Publishes endpoints, and removes their routes.
#[derive(Clone, Copy, Debug, Default)]
pub struct EndpointPlanner;

impl Planner for EndpointPlanner {
    type Object = Endpoint;

    fn name(&self) -> &'static str {
        "endpoint"
    }

    fn uses(&self) -> Uses {
        Uses::new()
            .component_scope()
            .control::<DeploymentTrack>()
            .control::<Deployment>()
            .control::<Environment>()
            .control::<DataPlane>()
            .remote::<Namespace>()
            .remote::<Service>()
            .remote_foreign::<Gateway>()
            .remote::<HTTPRoute>()
    }

    fn plan(&self, cx: &PlanContext<'_>, endpoint: &Endpoint) -> Plan {
        let mut pass = Pass::of(cx, endpoint);
        if endpoint.metadata.deletion_timestamp.is_some() {
            pass.withdraw();
            if pass.draft.status.planes.is_empty() {
                pass.plan.finalizer = Finalizer::Release(finalizers::ENDPOINT);
            }
            pass.draft.find(CommonReason::Deleting, "the routes of the endpoint are being removed");
            return pass.finish();
        }
        pass.plan.finalizer = Finalizer::Hold(finalizers::ENDPOINT);
        match placement::place(cx, endpoint) {
            Err(Standstill::Withdraw(finding)) => {
                pass.draft.add(finding);
                pass.withdraw();
            }
            // Whatever its parents are, nobody should reach it from outside any more.
            Err(Standstill::Keep(finding)) if publication::visibilities(endpoint).is_empty() => {
                pass.draft.add(finding);
                pass.withdraw();
            }
            Err(Standstill::Keep(finding)) => {
                pass.draft.add(finding);
                pass.narrow();
                // What was on its way out when the parent went need not be remembered for having been there.
                forget_clean(cx, &pass.owner, &mut pass.draft.status.planes);
            }
            Ok(placement) => match usable(cx, &placement.environment.plane) {
                Err(finding) => pass.draft.add(finding),
                Ok(()) => pass.publish(&placement),
            },
        }
        pass.finish()
    }
}

/// One pass over one endpoint.
struct Pass<'c, 'a> {
    cx: &'c PlanContext<'a>,
    endpoint: &'c Endpoint,
    owner: Owner,
    recorded: Vec<PlaneRef>,
    plan: Plan,
    draft: StatusDraft<EndpointStatus>,
}

impl<'c, 'a> Pass<'c, 'a> {
    fn of(cx: &'c PlanContext<'a>, endpoint: &'c Endpoint) -> Self {
        let metadata = &endpoint.metadata;
        let namespace = metadata.namespace.clone().unwrap_or_default();
        let mut draft = StatusDraft::of(endpoint);
        draft.status.planes = recorded_by(endpoint, |status| &status.planes);
        Self {
            cx,
            endpoint,
            owner: Owner::object(Endpoint::KIND, namespace, metadata.name.clone().unwrap_or_default()),
            recorded: draft.status.planes.clone(),
            plan: Plan::new(),
            draft,
        }
    }

    /// Removes the routes from every plane.
    fn withdraw(&mut self) {
        self.draft.status.address = None;
        self.settle(None);
    }

    /// Removes what is published at a visibility that is no longer written down, although what is cannot be worked out.
    fn narrow(&mut self) {
        let settings = self.cx.platform().settings();
        let written = publication::visibilities(self.endpoint);
        // Whose gateway it is, the object says itself: its organization may not be known at the moment.
        let is_written = |live: &Stored, gateway: &str| {
            let organization = live.label(labels::plane::ORGANIZATION_NAME).unwrap_or_default();
            let names = written.iter().map(|visibility| settings.gateway(*visibility, &organization));
            names.map(|name| LabelValue::of(&name)).any(|name| name.as_str() == gateway)
        };
        for plane in self.recorded.iter().cloned().map(PlaneKey::Remote) {
            for (key, live) in self.cx.at(&plane).owned_by(&self.owner) {
                let gateway = live.label(labels::plane::GATEWAY_VISIBILITY);
                if gateway.is_some_and(|gateway| !is_written(&live, &gateway)) {
                    self.plan.delete(&plane, key, &live.uid(), live.is_deleting());
                }
            }
        }
    }

    /// Wants what is to be published, and removes what no longer is.
    fn publish(&mut self, placement: &Placement) {
        let publication = match publication::publish(self.cx, placement, self.endpoint, &self.owner) {
            Ok(publication) => publication,
            Err(finding) => {
                self.draft.add(finding);
                return self.narrow();
            }
        };
        for finding in publication.findings {
            self.draft.add(finding);
        }
        self.draft.status.address = publication.address;
        let plane = &placement.environment.plane;
        let any = !publication.objects.is_empty();
        for rendered in publication.objects {
            for target in publication::targets(&rendered) {
                self.plan.protect(plane, rendered.key().clone(), target);
            }
            self.plan.want_rendered(plane, &self.owner, rendered);
        }
        if any {
            self.plan.prune(self.cx, plane, &self.owner);
        }
        self.settle(any.then_some(plane));
    }

    /// Cleans the recorded planes in which nothing is wanted any more, and records the rest.
    fn settle(&mut self, wanted: Option<&PlaneKey>) {
        let settled = settle(self.cx, &mut self.plan, &[&self.owner], &self.recorded, wanted);
        self.draft.status.planes = settled.planes;
        for finding in settled.waiting {
            self.draft.add(finding);
        }
    }

    fn finish(mut self) -> Plan {
        let status = self.draft.finish(self.cx.now());
        self.plan.report(&status);
        self.plan
    }
}
