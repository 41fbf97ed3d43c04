//! DeploymentPipeline: the order of environments through which a project's components are promoted.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::Namespace;
use openchoreo_types::v1alpha1::{DeploymentPipeline, Environment, Organization};

use crate::conditions::listed;
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
///
/// The walk keeps its way in a list of its own: how far it goes is up to whoever wrote the pipeline, and must not be up
/// to the stack.
fn cycle(pipeline: &DeploymentPipeline) -> Option<Vec<&str>> {
    let mut next: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for path in &pipeline.spec.promotion_paths {
        let targets = path.target_environment_refs.iter().map(|target| target.name.as_str());
        next.entry(&path.source_environment_ref).or_default().extend(targets);
    }
    let none = BTreeSet::new();
    let targets_of = |environment: &str| next.get(environment).unwrap_or(&none).iter();
    // Every environment that was met: its place on the way, or nothing once all that follows it has been walked.
    let mut met: BTreeMap<&str, Option<usize>> = BTreeMap::new();
    for start in next.keys() {
        if met.contains_key(start) {
            continue;
        }
        met.insert(start, Some(0));
        let mut way = vec![(*start, targets_of(start))];
        while let Some((at, targets)) = way.last_mut() {
            let Some(target) = targets.next() else {
                met.insert(at, None);
                way.pop();
                continue;
            };
            match met.get(target) {
                Some(Some(place)) => {
                    let round = way.iter().skip(*place).map(|(environment, _)| *environment);
                    return Some(round.chain([*target]).collect());
                }
                Some(None) => {}
                None => {
                    met.insert(target, Some(way.len()));
                    way.push((target, targets_of(target)));
                }
            }
        }
    }
    None
}

/// A way in words, which always ends where it began.
fn described(way: &[&str]) -> String {
    match way {
        [start, inner @ .., end] => [*start, &listed(inner, " → "), *end]
            .iter()
            .filter(|part| !part.is_empty())
            .copied()
            .collect::<Vec<_>>()
            .join(" → "),
        short => short.concat(),
    }
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
                        format!("`spec.promotionPaths` leads in a circle: {}", described(&way)),
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
                    let list = listed(missing.iter().map(|name| format!("`{name}`")), ", ");
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
