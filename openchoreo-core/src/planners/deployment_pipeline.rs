//! DeploymentPipeline: the order of environments through which a project's components are promoted.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::Namespace;
use openchoreo_types::v1alpha1::{DeploymentPipeline, Environment, Organization};

use crate::hierarchy::home_of;
use crate::plan::{Plan, StatusDraft};
use crate::planner::{PlanContext, Planner, Uses};

crate::reasons! {
    /// Why a DeploymentPipeline is or is not ready.
    pub enum DeploymentPipelineReason for "DeploymentPipeline" {
        DeploymentPipelineAvailable => Ready = True, "every environment of the pipeline exists and its paths lead forward",
        NoPromotionPaths => Ready = False, "the pipeline names no environment, so nothing can be deployed through it",
        PromotionCycle => Ready = False, "the promotion paths lead back to an environment they came from",
        EnvironmentNotFound => Ready = False, "a promotion path names an Environment that does not exist in the organization's namespace; it is waited for",
    }
}

/// The environment that new artifacts are deployed to: the source of the first promotion path.
pub fn first_environment(pipeline: &DeploymentPipeline) -> Option<&str> {
    pipeline
        .spec
        .promotion_paths
        .first()
        .map(|path| path.source_environment_ref.as_str())
        .filter(|name| !name.is_empty())
}

/// An environment that the paths of a pipeline lead back to, with the way; nothing where they lead forward only.
fn cycle(pipeline: &DeploymentPipeline) -> Option<Vec<&str>> {
    let mut next: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for path in &pipeline.spec.promotion_paths {
        let targets = path.target_environment_refs.iter().map(|target| target.name.as_str());
        next.entry(&path.source_environment_ref).or_default().extend(targets);
    }
    let mut done = BTreeSet::new();
    next.keys().find_map(|start| walk(start, &next, &mut Vec::new(), &mut done))
}

fn walk<'a>(
    at: &'a str,
    next: &BTreeMap<&'a str, BTreeSet<&'a str>>,
    way: &mut Vec<&'a str>,
    done: &mut BTreeSet<&'a str>,
) -> Option<Vec<&'a str>> {
    if let Some(start) = way.iter().position(|seen| *seen == at) {
        let mut found: Vec<_> = way.iter().skip(start).copied().collect();
        found.push(at);
        return Some(found);
    }
    if done.contains(at) {
        return None;
    }
    way.push(at);
    let found = next.get(at).into_iter().flatten().find_map(|target| walk(target, next, way, done));
    way.pop();
    done.insert(at);
    found
}

/// Checks pipelines.
#[derive(Clone, Copy, Debug, Default)]
pub struct DeploymentPipelinePlanner;

impl Planner for DeploymentPipelinePlanner {
    type Object = DeploymentPipeline;

    fn name(&self) -> &'static str {
        "deployment-pipeline"
    }

    fn uses(&self) -> Uses {
        Uses::new().control::<Namespace>().control::<Organization>().control::<Environment>()
    }

    fn plan(&self, cx: &PlanContext<'_>, pipeline: &DeploymentPipeline) -> Plan {
        let mut plan = Plan::new();
        let mut draft = StatusDraft::of(pipeline);
        match home_of(cx, pipeline) {
            Err(error) => draft.add(error.into()),
            Ok(home) => {
                let paths = &pipeline.spec.promotion_paths;
                let named: BTreeSet<&str> = paths
                    .iter()
                    .flat_map(|path| {
                        path.target_environment_refs
                            .iter()
                            .map(|t| t.name.as_str())
                            .chain([path.source_environment_ref.as_str()])
                    })
                    .collect();
                let missing: Vec<_> =
                    named.iter().filter(|name| cx.written::<Environment>(&home.organization, name).is_none()).collect();
                if let Some(way) = cycle(pipeline) {
                    draft.find(
                        DeploymentPipelineReason::PromotionCycle,
                        format!("`spec.promotionPaths` leads in a circle: {}", way.join(" → ")),
                    );
                } else if named.is_empty() {
                    draft.find(
                        DeploymentPipelineReason::NoPromotionPaths,
                        "`spec.promotionPaths` is empty; give at least one path with a source environment",
                    );
                } else if missing.is_empty() {
                    draft.find(
                        DeploymentPipelineReason::DeploymentPipelineAvailable,
                        format!("{} environments", named.len()),
                    );
                } else {
                    let list = missing.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
                    draft.find(
                        DeploymentPipelineReason::EnvironmentNotFound,
                        format!(
                            "`spec.promotionPaths` names environments that do not exist in namespace `{}`: {list}",
                            home.organization
                        ),
                    );
                }
            }
        }
        plan.report(&draft.finish(cx.now()));
        plan
    }
}
