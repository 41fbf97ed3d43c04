//! What exists in each plane at the end, with its conditions, and how to look around.

use std::time::Duration;

use controller_manager::core::kind::{Kind, PlaneKey};
use openchoreo_types::PlatformKind;
use openchoreo_types::v1alpha1::Organization;
use serde::Serialize;
use serde_json::Value;

use super::request::Answer;
use crate::error::CliError;
use crate::io::Io;
use crate::stage::{CONTROL_CONTEXT, DATA_CONTEXT, Stage};

/// The end of a demo.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    url: Option<String>,
    status: Option<u16>,
    answer: Option<String>,
    simulated: bool,
    seconds: f64,
    kubeconfig: String,
    gateway: String,
    planes: Vec<PlaneReport>,
}

#[derive(Debug, Serialize)]
struct PlaneReport {
    context: &'static str,
    objects: Vec<ObjectReport>,
}

#[derive(Debug, Serialize)]
struct ObjectReport {
    kind: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    namespace: String,
    name: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    conditions: Vec<ConditionReport>,
}

#[derive(Debug, Serialize)]
struct ConditionReport {
    #[serde(rename = "type")]
    type_: String,
    status: String,
    reason: String,
    message: String,
}

impl Report {
    pub(super) async fn of(stage: &Stage, took: Duration, url: String, answer: Answer) -> Self {
        let mut report = Self::unfinished(stage, took).await;
        report.url = Some(url);
        report.status = Some(answer.status);
        report.simulated = answer.simulated;
        report.answer = Some(answer.body);
        report
    }

    pub(super) async fn unfinished(stage: &Stage, took: Duration) -> Self {
        // The engine's view is what the controllers acted on; it lags behind the API by no more than a watch event.
        stage.engine.quiet(Duration::from_millis(20)).await;
        let planes = stage.engine.with_world(|world| {
            let remote = world.planes().filter(|plane| plane.remote().is_some()).cloned().collect::<Vec<_>>();
            let mut planes = vec![PlaneReport {
                context: CONTROL_CONTEXT,
                objects: objects(world.all(&PlaneKey::Control), is_ours),
            }];
            planes.extend(
                remote
                    .iter()
                    .map(|plane| PlaneReport { context: DATA_CONTEXT, objects: objects(world.all(plane), |_| true) }),
            );
            planes
        });
        let planes = planes.await.unwrap_or_default();
        Self {
            url: None,
            status: None,
            answer: None,
            simulated: false,
            seconds: took.as_secs_f64(),
            kubeconfig: stage.kubeconfig.display().to_string(),
            gateway: stage.gateway.to_string(),
            planes,
        }
    }

    pub(super) fn answered(&self) -> bool {
        self.status.is_some_and(|status| (200..300).contains(&status))
    }

    pub(super) fn print(&self, io: &mut Io, json: bool) -> Result<(), CliError> {
        if json {
            let text =
                serde_json::to_string_pretty(self).map_err(|error| CliError::Format { reason: error.to_string() })?;
            return io.line(&text);
        }
        for plane in &self.planes {
            io.line("")?;
            io.line(plane.context)?;
            for (index, object) in plane.objects.iter().enumerate() {
                let last = index + 1 == plane.objects.len();
                let place = if object.namespace.is_empty() {
                    object.name.clone()
                } else {
                    format!("{}/{}", object.namespace, object.name)
                };
                io.line(&format!("{} {} {place}", if last { "└─" } else { "├─" }, object.kind))?;
                for condition in &object.conditions {
                    let stem = if last { "  " } else { "│ " };
                    let message =
                        if condition.status == "True" { String::new() } else { format!(": {}", condition.message) };
                    io.line(&format!(
                        "{stem}   {}={} ({}){message}",
                        condition.type_, condition.status, condition.reason
                    ))?;
                }
            }
        }
        let Some(url) = &self.url else { return Ok(()) };
        io.line("")?;
        io.line(&format!("{url} answered {} after {:.3} s:", self.status.unwrap_or_default(), self.seconds))?;
        for line in self.answer.iter().flat_map(|answer| answer.lines()) {
            io.line(&format!("  {line}"))?;
        }
        if self.simulated {
            io.line("")?;
            io.line("Simulated: pod readiness, the LoadBalancer's address, the build's steps, and this answer in the application's place.")?;
        }
        let host = url.trim_start_matches("https://").split('/').next().unwrap_or_default();
        io.line("")?;
        io.line("Look around (with --keep):")?;
        io.line(&format!("  export KUBECONFIG={}", self.kubeconfig))?;
        io.line(&format!("  kubectl --context={CONTROL_CONTEXT} get component,build.openchoreo.dev,deployment.openchoreo.dev,endpoint.openchoreo.dev -n default-project"))?;
        io.line(&format!(
            "  kubectl --context={CONTROL_CONTEXT} get dataplane -n default-org default-dataplane -o yaml"
        ))?;
        io.line(&format!("  kubectl --context={DATA_CONTEXT} get httproute,deployment,service,pod -A"))?;
        io.line(&format!("  kubectl --context={DATA_CONTEXT} get svc choreo-external-gateway -n choreo-system"))?;
        io.line(&format!("  curl -k --connect-to {host}:{} {url}", self.gateway))
    }
}

/// Control plane objects to show: those of our group.
fn is_ours(kind: Kind) -> bool {
    kind.group == <Organization as PlatformKind>::INFO.group
}

fn objects(
    all: Vec<(controller_manager::core::kind::ObjectKey, std::sync::Arc<controller_manager::core::world::Stored>)>,
    shown: impl Fn(Kind) -> bool,
) -> Vec<ObjectReport> {
    all.into_iter()
        .filter(|(key, _)| shown(key.kind))
        .map(|(key, object)| ObjectReport {
            kind: key.kind.kind.to_owned(),
            namespace: key.namespace,
            name: key.name,
            conditions: conditions(&object.json()),
        })
        .collect()
}

/// The conditions of an object; of a route, those of its first parent.
fn conditions(object: &Value) -> Vec<ConditionReport> {
    let own = object.pointer("/status/conditions").or_else(|| object.pointer("/status/parents/0/conditions"));
    let text =
        |condition: &Value, field: &str| condition.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    own.and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|condition| ConditionReport {
            type_: text(condition, "type"),
            status: text(condition, "status"),
            reason: text(condition, "reason"),
            message: text(condition, "message"),
        })
        .collect()
}
