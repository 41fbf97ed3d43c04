//! Which configuration groups an application section means.
//!
//! A group is looked for by its `openchoreo.dev/name` label, then by its object name; first in the namespace of the
//! component, then in the organization's own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use openchoreo_core::conditions::listed;
use openchoreo_core::hierarchy::{ComponentScope, seniority};
use openchoreo_core::labels;
use openchoreo_core::planner::PlanContext;
use openchoreo_core::world::Select;
use openchoreo_types::common::Application;
use openchoreo_types::v1alpha1::ConfigurationGroup;

/// The groups that an application section refers to, by name.
#[derive(Clone, Debug, Default)]
pub struct Groups {
    /// Those that exist.
    pub found: BTreeMap<String, Arc<ConfigurationGroup>>,
    /// Those that do not.
    pub missing: Vec<String>,
}

impl Groups {
    /// What is missing, in words; nothing where all groups exist.
    pub fn complaint(&self, scope: &ComponentScope) -> Option<String> {
        if self.missing.is_empty() {
            return None;
        }
        let names = listed(self.missing.iter().map(|name| format!("`{name}`")), ", ");
        let places = if scope.namespace() == scope.organization {
            format!("namespace `{}`", scope.organization)
        } else {
            format!("namespaces `{}` and `{}`", scope.namespace(), scope.organization)
        };
        Some(format!("ConfigurationGroup {names} does not exist in {places}"))
    }
}

/// Finds the groups that an application section refers to.
pub fn groups_of(cx: &PlanContext<'_>, scope: &ComponentScope, application: &Application) -> Groups {
    let mut groups = Groups::default();
    for name in references(application) {
        match find(cx, scope, name) {
            Some(group) => {
                groups.found.insert(name.to_owned(), group);
            }
            None => groups.missing.push(name.to_owned()),
        }
    }
    groups
}

fn references(application: &Application) -> BTreeSet<&str> {
    let variables = application.env.iter().filter_map(|variable| variable.value_from.as_ref());
    let files = application.file_mounts.iter().filter_map(|file| file.value_from.as_ref());
    let single = variables.chain(files).filter_map(|from| Some(from.configuration_group_ref.as_ref()?.name.as_str()));
    let imported = application.env_from.iter().filter_map(|s| Some(s.configuration_group_ref.as_ref()?.name.as_str()));
    let mounted =
        application.file_mounts_from.iter().filter_map(|s| Some(s.configuration_group_ref.as_ref()?.name.as_str()));
    single.chain(imported).chain(mounted).collect()
}

fn find(cx: &PlanContext<'_>, scope: &ComponentScope, name: &str) -> Option<Arc<ConfigurationGroup>> {
    [scope.namespace(), scope.organization.as_str()].into_iter().find_map(|namespace| {
        let select = Select::of::<ConfigurationGroup>().namespace(namespace).label(labels::NAME, name);
        let labelled = cx.list::<ConfigurationGroup>(select).into_iter().min_by_key(|group| seniority(&**group));
        labelled.or_else(|| cx.get::<ConfigurationGroup>(namespace, name))
    })
}
