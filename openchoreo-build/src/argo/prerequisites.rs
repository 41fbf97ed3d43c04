//! What all builds of an organization share in a plane: their namespace, and the account of their pods.
//!
//! Nothing here depends on a single build, so that builds do not overwrite each other's objects. What they may reach is
//! not decided here: the platform isolates the namespace.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use k8s_openapi::api::rbac::v1::{PolicyRule, Role, RoleBinding, RoleRef, Subject};
use kube::core::ObjectMeta;
use openchoreo_core::extension::BuildContext;
use openchoreo_core::labels::plane;
use openchoreo_core::naming::LabelValue;
use openchoreo_core::plan::Rendered;
use openchoreo_core::pod_security::PodSecurity;

use super::ArgoSettings;

const ROLE: &str = "workflow-role";
const ROLE_BINDING: &str = "workflow-role-binding";

pub(super) fn render(cx: &BuildContext<'_>, settings: &ArgoSettings) -> Vec<Rendered> {
    let mut namespace = Namespace { metadata: meta(cx, cx.namespace.as_str(), None), ..Namespace::default() };
    // Building an image takes mounts, so the steps that do it are privileged. Which steps those are is in templates that
    // the operator of the plane wrote.
    namespace.metadata.labels.get_or_insert_default().extend(PodSecurity::Privileged.labels());
    let account = ServiceAccount {
        metadata: meta(cx, &settings.service_account, Some(cx.namespace.as_str())),
        ..ServiceAccount::default()
    };
    // The executor in each pod reports the outputs of its step through these; it needs nothing else.
    let role = Role {
        metadata: meta(cx, ROLE, Some(cx.namespace.as_str())),
        rules: Some(vec![PolicyRule {
            api_groups: Some(vec!["argoproj.io".to_owned()]),
            resources: Some(vec!["workflowtaskresults".to_owned()]),
            verbs: ["create", "patch", "get", "list", "watch", "update"].map(str::to_owned).to_vec(),
            ..PolicyRule::default()
        }]),
    };
    let binding = RoleBinding {
        metadata: meta(cx, ROLE_BINDING, Some(cx.namespace.as_str())),
        role_ref: RoleRef {
            api_group: Some("rbac.authorization.k8s.io".to_owned()),
            kind: "Role".to_owned(),
            name: ROLE.to_owned(),
        },
        subjects: Some(vec![Subject {
            kind: "ServiceAccount".to_owned(),
            name: settings.service_account.clone(),
            namespace: Some(cx.namespace.to_string()),
            ..Subject::default()
        }]),
    };
    vec![Rendered::new(&namespace), Rendered::new(&account), Rendered::new(&role), Rendered::new(&binding)]
}

fn meta(cx: &BuildContext<'_>, name: &str, namespace: Option<&str>) -> ObjectMeta {
    let labels = [(plane::ORGANIZATION_NAME, cx.id.component.organization), (plane::TARGET, plane::target::BUILD)];
    ObjectMeta {
        name: Some(name.to_owned()),
        namespace: namespace.map(str::to_owned),
        labels: Some(
            labels
                .map(|(key, value)| (key.to_owned(), LabelValue::of(value).into_string()))
                .into_iter()
                .collect::<BTreeMap<_, _>>(),
        ),
        ..ObjectMeta::default()
    }
}
