//! How the main container runs: the artifact's application section under the overrides of one environment.
//!
//! The rule of merging, section by section:
//! - `args`, `scaling`: those of the override, where it has any.
//! - `env` by key, `fileMounts` by path, `envFrom` and `fileMountsFrom` by what they refer to: an entry of the override
//!   replaces the artifact's entry of the same identity in its place, others are appended.
//! - `resourceLimits`, `probes`: member by member.
//! - `task`: the override's `disabled` counts as soon as it has a task section; its schedule where it gives one.

use openchoreo_types::common::{
    Application, EnvironmentSource, EnvironmentVariable, FileMount, FileMountSource, Probes, ResourceLimits, Task,
};
use openchoreo_types::v1alpha1::{DeployableArtifact, Deployment};

/// The application section that an environment runs.
pub fn effective(artifact: &DeployableArtifact, deployment: &Deployment) -> Application {
    let base = artifact.spec.configuration.as_ref().and_then(|c| c.application.clone()).unwrap_or_default();
    let over = deployment.spec.configuration_overrides.as_ref().and_then(|o| o.application.clone());
    match over {
        None => base,
        Some(over) => merge(base, over),
    }
}

fn merge(base: Application, over: Application) -> Application {
    Application {
        args: if over.args.is_empty() { base.args } else { over.args },
        env: merge_lists(base.env, over.env, |a: &EnvironmentVariable, b| a.key == b.key),
        env_from: merge_lists(base.env_from, over.env_from, same_source),
        file_mounts: merge_lists(base.file_mounts, over.file_mounts, |a: &FileMount, b| a.mount_path == b.mount_path),
        file_mounts_from: merge_lists(base.file_mounts_from, over.file_mounts_from, same_files),
        resource_limits: merge_options(base.resource_limits, over.resource_limits, |base, over| ResourceLimits {
            cpu: over.cpu.or(base.cpu),
            memory: over.memory.or(base.memory),
        }),
        probes: merge_options(base.probes, over.probes, |base, over| Probes {
            readiness_probe: over.readiness_probe.or(base.readiness_probe),
            liveness_probe: over.liveness_probe.or(base.liveness_probe),
        }),
        scaling: over.scaling.or(base.scaling),
        task: merge_options(base.task, over.task, |base, over| Task {
            disabled: over.disabled,
            schedule: over.schedule.or(base.schedule),
        }),
    }
}

/// Both lists in order: entries of the override take the place of the entry that is the same to them.
/// Entries of the override that are the same to each other all stay, so that the duplicate is noticed later.
fn merge_lists<T>(base: Vec<T>, over: Vec<T>, same: fn(&T, &T) -> bool) -> Vec<T> {
    let count = base.len();
    let mut merged = base;
    let mut replaced = vec![false; count];
    for entry in over {
        let place = merged.iter().take(count).position(|known| same(known, &entry));
        match place.and_then(|index| Some((merged.get_mut(index)?, replaced.get_mut(index)?))) {
            Some((slot, taken)) if !*taken => {
                *slot = entry;
                *taken = true;
            }
            _ => merged.push(entry),
        }
    }
    merged
}

fn merge_options<T>(base: Option<T>, over: Option<T>, merge: impl FnOnce(T, T) -> T) -> Option<T> {
    match (base, over) {
        (Some(base), Some(over)) => Some(merge(base, over)),
        (base, over) => over.or(base),
    }
}

fn same_source(a: &EnvironmentSource, b: &EnvironmentSource) -> bool {
    let key = |s: &EnvironmentSource| {
        (s.configuration_group_ref.as_ref().map(|r| r.name.clone()), s.secret_ref.as_ref().map(|r| r.name.clone()))
    };
    key(a) == key(b)
}

fn same_files(a: &FileMountSource, b: &FileMountSource) -> bool {
    let key = |s: &FileMountSource| {
        let id = |r: &openchoreo_types::common::MountRef| (r.name.clone(), r.mount_path.clone());
        (s.configuration_group_ref.as_ref().map(id), s.secret_ref.as_ref().map(id))
    };
    key(a) == key(b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn merged(base: Value, over: Value) -> Value {
        let read = |value| serde_json::from_value::<Application>(value).expect("an application section");
        serde_json::to_value(merge(read(base), read(over))).expect("JSON")
    }

    #[test]
    fn an_override_replaces_its_twin_and_leaves_the_rest() {
        let cases = [
            (json!({"args": ["a"]}), json!({}), json!({"args": ["a"]})),
            (json!({"args": ["a"]}), json!({"args": ["b"]}), json!({"args": ["b"]})),
            (
                json!({"env": [{"key": "A", "value": "1"}, {"key": "B", "value": "2"}]}),
                json!({"env": [{"key": "C", "value": "3"}, {"key": "A", "value": "9"}]}),
                json!({"env": [{"key": "A", "value": "9"}, {"key": "B", "value": "2"}, {"key": "C", "value": "3"}]}),
            ),
            (
                json!({"envFrom": [{"secretRef": {"name": "a"}}, {"secretRef": {"name": "b"}}]}),
                json!({"envFrom": [{"configurationGroupRef": {"name": "a"}}, {"secretRef": {"name": "a"}}]}),
                json!({"envFrom": [
                    {"secretRef": {"name": "a"}}, {"secretRef": {"name": "b"}}, {"configurationGroupRef": {"name": "a"}},
                ]}),
            ),
            (
                json!({"fileMountsFrom": [{"secretRef": {"name": "a", "mountPath": "/a"}}]}),
                json!({"fileMountsFrom": [
                    {"secretRef": {"name": "a", "mountPath": "/b"}}, {"secretRef": {"name": "a", "mountPath": "/a"}},
                ]}),
                json!({"fileMountsFrom": [
                    {"secretRef": {"name": "a", "mountPath": "/a"}}, {"secretRef": {"name": "a", "mountPath": "/b"}},
                ]}),
            ),
            (
                json!({"resourceLimits": {"cpu": "1", "memory": "1Gi"}}),
                json!({"resourceLimits": {"memory": "2Gi"}}),
                json!({"resourceLimits": {"cpu": "1", "memory": "2Gi"}}),
            ),
            (
                json!({"task": {"disabled": true, "schedule": {"cron": "@daily"}}}),
                json!({"task": {}}),
                json!({"task": {"schedule": {"cron": "@daily"}}}),
            ),
        ];
        for (base, over, wanted) in cases {
            assert_eq!(merged(base.clone(), over.clone()), wanted, "{base} under {over}");
        }
    }
}
