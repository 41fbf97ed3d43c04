//! What the platform relies on in every scheme, as checks that return what is broken.
//!
//! A platform runs [`naming_contract`] and [`hostname_contract`] over [`samples`] when it is built, so that a scheme
//! that would let two tenants meet stops the start and not a deployment. The checks are quick and sample; property tests
//! of a scheme belong to whoever writes it.

use std::collections::BTreeMap;

use super::hostname::{HostContext, HostnameScheme, Visibility};
use super::identity::ComponentId;
use super::names::{CRON_JOB_LIMIT, DnsLabel, NameError};
use super::scheme::NamingScheme;

/// One identity to try a scheme on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sample {
    /// The organization's name.
    pub organization: String,
    /// The project's name.
    pub project: String,
    /// The component's name.
    pub component: String,
    /// The environment's name.
    pub environment: String,
    /// A leaf name: of a track, a configuration group, an endpoint or a build.
    pub leaf: String,
    /// Whether every scheme must be able to name it: short DNS labels that begin with a letter.
    pub ordinary: bool,
}

impl Sample {
    fn new(parts: [&str; 5], ordinary: bool) -> Self {
        let [organization, project, component, environment, leaf] = parts.map(str::to_owned);
        Self { organization, project, component, environment, leaf, ordinary }
    }

    fn component_id(&self) -> ComponentId<'_> {
        ComponentId::new(&self.organization, &self.project, &self.component)
    }
}

/// The samples that a platform checks its schemes with: plain identities, identities that differ only in where one part
/// ends, in a late byte or in case, and identities that are hardly names at all.
pub fn samples() -> Vec<Sample> {
    let ordinary = [
        ["default-org", "default-project", "hello-world", "development", "main"],
        ["default-org", "default-project", "hello-world", "staging", "main"],
        ["a", "b-c", "x", "dev", "main"],
        ["a-b", "c", "x", "dev", "main"],
        ["a-b-c", "x", "dev", "main", "t"],
        ["a", "b", "c-d", "dev", "main"],
        ["a", "b", "c", "d-dev", "main"],
        ["a", "b", "c", "d", "dev-main"],
        ["acme", "web-dev", "cart", "dev", "main"],
        ["acme-web", "dev", "cart", "dev", "main"],
        // Parts that look like digests.
        ["a", "b", "c-0123abcd", "dev", "main"],
        ["a", "b", "c", "0123abcd-dev", "main"],
    ];
    let mut samples: Vec<Sample> = ordinary.map(|parts| Sample::new(parts, true)).into();

    let long = "l".repeat(63);
    let longer = format!("{long}-1");
    let longest = "m".repeat(300);
    let hostile =
        [long.as_str(), &longer, &longest, "---", "a--b", "A-B", "Café", "日本", "a.b", "a_b", "/a/b", "0", ""];
    for part in hostile {
        samples.push(Sample::new([part, "p", "c", "dev", "main"], false));
        samples.push(Sample::new(["o", part, "c", "dev", "main"], false));
        samples.push(Sample::new(["o", "p", part, "dev", "main"], false));
        samples.push(Sample::new(["o", "p", "c", part, "main"], false));
        samples.push(Sample::new(["o", "p", "c", "dev", part], false));
        samples.push(Sample::new([part; 5], false));
    }
    samples
}

/// What is broken in a naming scheme, one sentence each; empty when the scheme keeps the contract.
///
/// Checked for each sample: names are valid for the object they are for, two calls agree, ordinary identities have
/// names, an organization's images are below its root, and, where the scheme claims it, different identities have
/// different names.
pub fn naming_contract(scheme: &dyn NamingScheme, samples: &[Sample]) -> Vec<String> {
    let mut report = Report::new(scheme.is_injective());
    for sample in samples {
        let component = sample.component_id();
        let project = component.project();
        let leaf = sample.leaf.as_str();
        let Sample { organization, project: project_name, component: component_name, environment, .. } = sample;
        let in_component = [organization.as_str(), project_name, component_name];
        let with_leaf = [organization.as_str(), project_name, component_name, leaf];
        let everything = [organization.as_str(), project_name, component_name, environment, leaf];

        let text = |name: Result<_, NameError>| name.map(super::ResourceName::into_string);
        report.check("cell_namespace", &[organization, project_name, environment], sample, is_label, || {
            scheme.cell_namespace(&project.cell(environment)).map(super::NamespaceName::into_string)
        });
        report.check("build_namespace", &[organization], sample, is_label, || {
            scheme.build_namespace(&project.organization()).map(super::NamespaceName::into_string)
        });
        report.check("workload", &with_leaf, sample, is_service_name, || text(scheme.workload(&component, leaf)));
        report.check("cron_job", &with_leaf, sample, is_cron_job_name, || text(scheme.cron_job(&component, leaf)));
        report.check("configuration", &with_leaf, sample, is_any, || {
            text(scheme.configuration(&component, "main", leaf))
        });
        let kept = [
            ("configuration", scheme.configuration(&component, "main", leaf)),
            ("pull_secret", scheme.pull_secret(leaf)),
        ];
        for (method, name) in kept {
            if let Ok(name) = name
                && !scheme.may_be_kept(name.as_str())
            {
                let broken = format!("`may_be_kept` denies `{name}`, which `{method}` gives to {with_leaf:?}");
                report.violations.push(broken);
            }
        }
        report.check("pull_secret", &[leaf], sample, is_any, || text(scheme.pull_secret(leaf)));
        report.check("file_mount", &with_leaf, sample, is_any, || text(scheme.file_mount(&component, "main", leaf)));
        report.check("volume", &[leaf], sample, is_any, || scheme.volume(leaf, "cm").map(DnsLabel::into_string));
        report.check("route", &everything, sample, is_any, || {
            text(scheme.route("gateway", &component.endpoint(environment, leaf)))
        });
        report.check("operation_route", &everything, sample, is_any, || {
            text(scheme.operation_route("gateway", &component.endpoint(environment, leaf), "GET", "/"))
        });
        report
            .check("endpoint", &[component_name, leaf], sample, is_any, || text(scheme.endpoint(component_name, leaf)));
        report.check("track", &[component_name, leaf], sample, is_any, || text(scheme.track(component_name, leaf)));
        report.check("deployment", &[component_name, leaf, environment], sample, is_any, || {
            text(scheme.deployment(component_name, leaf, environment))
        });
        report.check("workflow", &with_leaf, sample, is_label, || text(scheme.workflow(&component.build(leaf))));
        report.check("image", &in_component, sample, is_image_path, || scheme.image(&component));
        let root = || scheme.image_root(&project.organization());
        report.check("image_root", &[organization], sample, is_image_path, root);
        if let (Ok(image), Ok(root)) = (scheme.image(&component), root())
            && !image.strip_prefix(&root).is_some_and(|rest| rest.starts_with('/'))
        {
            let broken =
                format!("`image` of {in_component:?} gives `{image}`, which is not below `image_root`, `{root}`");
            report.violations.push(broken);
        }
    }
    report.violations
}

/// What is broken in a hostname scheme, one sentence each; empty when the scheme keeps the contract.
pub fn hostname_contract(scheme: &dyn HostnameScheme, samples: &[Sample]) -> Vec<String> {
    let mut report = Report::new(scheme.is_injective());
    for sample in samples {
        let context = HostContext {
            domain: "choreoapps.localhost",
            visibility: Visibility::Public,
            component_type: "WebApplication",
            dns_prefix: Some("dev"),
        };
        let identity = [sample.organization.as_str(), &sample.project, &sample.component, &sample.environment];
        let endpoint = sample.component_id().endpoint(&sample.environment, &sample.leaf);
        report.check("hostname", &identity, sample, is_any, || {
            scheme.hostname(&endpoint, &context).map(super::Hostname::into_string)
        });
    }
    report.violations
}

fn is_any(_: &str) -> bool {
    true
}

fn is_label(name: &str) -> bool {
    DnsLabel::try_from(name).is_ok()
}

fn is_service_name(name: &str) -> bool {
    is_label(name) && name.starts_with(|first: char| first.is_ascii_lowercase())
}

fn is_cron_job_name(name: &str) -> bool {
    name.len() <= CRON_JOB_LIMIT && is_label(name)
}

fn is_image_path(path: &str) -> bool {
    let segment = |segment: &str| {
        segment.starts_with(|first: char| first.is_ascii_alphanumeric())
            && segment.ends_with(|last: char| last.is_ascii_alphanumeric())
            && segment
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'.'))
    };
    // A reference has 255 bytes at most, and a registry and a tag are still to come.
    path.len() <= 200 && path.split('/').all(segment)
}

/// The names seen, by the method that gave them, with the identity that got them.
struct Report {
    injective: bool,
    seen: BTreeMap<(&'static str, String), Vec<String>>,
    violations: Vec<String>,
}

impl Report {
    const fn new(injective: bool) -> Self {
        Self { injective, seen: BTreeMap::new(), violations: Vec::new() }
    }

    fn check(
        &mut self,
        method: &'static str,
        identity: &[&str],
        sample: &Sample,
        is_valid: fn(&str) -> bool,
        call: impl Fn() -> Result<String, NameError>,
    ) {
        let first = call();
        if first != call() {
            self.violations.push(format!("`{method}` of {identity:?} gives two answers"));
        }
        let name = match first {
            Ok(name) => name,
            Err(error) => {
                if sample.ordinary {
                    self.violations.push(format!("`{method}` of {identity:?} fails: {error}"));
                }
                return;
            }
        };
        if !is_valid(&name) {
            self.violations.push(format!("`{method}` of {identity:?} gives `{name}`, which its object cannot have"));
        }
        if !self.injective {
            return;
        }
        let identity: Vec<String> = identity.iter().map(|part| (*part).to_owned()).collect();
        let owner = self.seen.entry((method, name.clone())).or_insert_with(|| identity.clone());
        if *owner != identity {
            self.violations.push(format!("`{method}` gives `{name}` to {owner:?} and to {identity:?}"));
        }
    }
}
