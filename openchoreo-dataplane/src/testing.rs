//! Workloads at the edges of what a cluster takes, to hold the checks before rendering against a real API server.
//!
//! A [`Sample`] is what a developer writes, and [`Sample::render`] what the planners make of it. [`edges`] are just beyond
//! each check, with what a server must refuse where the check is not stricter than it. [`any_sample`] draws what is mostly
//! good. Nothing here talks to a server: that is for whoever has one.

use std::sync::Arc;

use k8s_openapi::jiff::Timestamp;
use openchoreo_core::kind::{Kind, ObjectKey, PlaneKey};
use openchoreo_core::offline::{Offline, OfflineError};
use openchoreo_core::platform::Platform;
use openchoreo_types::v1alpha1::{Deployment, component_type};
use serde_json::{Value, json};

use crate::parts::check::SIZE_LIMIT;

const ORGANIZATION: &str = "acme";
const ENVIRONMENT: &str = "development";
const DEPLOYMENT: &str = "sample";
/// The group of a sample's settings, by the name that applications refer to it by.
pub const GROUP: &str = "settings";
/// Where the container is in a Deployment of Kubernetes.
const CONTAINER: &str = "/spec/template/spec/containers/0";

/// What a developer writes of one component.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The type of the component.
    pub component_type: &'static str,
    /// The application section of its artifact.
    pub application: Value,
    /// The ports of its endpoints.
    pub ports: Vec<i64>,
    /// `spec.revisionHistoryLimit` of its Deployment.
    pub revision_history_limit: Option<i64>,
    /// The settings of its configuration group.
    pub settings: Vec<(String, String)>,
}

impl Sample {
    /// A component with something in every place, all of it good.
    pub fn good(component_type: &'static str) -> Self {
        let mut application = json!({
            "args": ["--verbose"],
            "env": [{"key": "MODE", "value": "fast"}],
            "envFrom": [{"configurationGroupRef": {"name": GROUP}}],
            "fileMounts": [{"mountPath": "/etc/app/app.conf", "value": "a: b"}],
            "resourceLimits": {"cpu": "500m", "memory": "256Mi"},
            "probes": {
                "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 5},
                "livenessProbe": {"tcpSocket": {"port": 8080}},
            },
        });
        let (member, value) = if component_type == component_type::SCHEDULED_TASK {
            ("task", json!({"schedule": {"cron": "*/5 * * * *", "timezone": "Europe/Zurich"}}))
        } else {
            ("scaling", json!({"hpa": {"minReplicas": 1, "maxReplicas": 3, "cpuThreshold": 70}}))
        };
        merge(&mut application, json!({ member: value }));
        Self {
            component_type,
            application,
            ports: vec![8080],
            revision_history_limit: Some(5),
            settings: vec![("host".to_owned(), "db.example.com".to_owned())],
        }
    }

    /// All documents: those of the administrator too.
    fn documents(&self) -> Vec<Value> {
        let object = |kind: &str, name: &str, labels: Value, spec: Value| {
            json!({
                "apiVersion": "openchoreo.dev/v1alpha1", "kind": kind,
                "metadata": {"name": name, "namespace": ORGANIZATION, "labels": labels}, "spec": spec,
            })
        };
        let cluster = json!({
            "server": "https://plane.example.com",
            "tls": {"ca": {"value": "Y2E="}}, "auth": {"bearerToken": {"value": "token"}},
        });
        let endpoints = self.ports.iter().enumerate().map(|(index, port)| {
            let spec = json!({"type": "TCP", "backendRef": {"type": "componentRef", "componentRef": {"port": port}}});
            json!({"metadata": {"name": format!("port-{index}")}, "spec": spec})
        });
        let settings = self
            .settings
            .iter()
            .map(|(key, value)| json!({"key": key, "values": [{"environment": ENVIRONMENT, "value": value}]}));
        let track = json!({"openchoreo.dev/component": "web", "openchoreo.dev/deployment-track": "main"});
        let mut place = track.clone();
        merge(&mut place, json!({"openchoreo.dev/environment": ENVIRONMENT}));
        let mut deployment = json!({"deploymentArtifactRef": "web"});
        if let Some(limit) = self.revision_history_limit {
            merge(&mut deployment, json!({"revisionHistoryLimit": limit}));
        }
        let artifact = json!({
            "targetArtifact": {"fromImageRef": {"tag": "registry.example.com/web:1"}},
            "configuration": {
                "endpointTemplates": endpoints.collect::<Vec<_>>(), "application": self.application,
            },
        });
        let paths = json!({"promotionPaths": [{"sourceEnvironmentRef": ENVIRONMENT, "targetEnvironmentRefs": []}]});
        vec![
            json!({
                "apiVersion": "openchoreo.dev/v1alpha1", "kind": "Organization", "metadata": {"name": ORGANIZATION},
            }),
            object("DataPlane", "plane", json!({}), json!({"kubernetesCluster": cluster})),
            object("Environment", ENVIRONMENT, json!({}), json!({"dataPlaneRef": "plane"})),
            object("DeploymentPipeline", "pipeline", json!({}), paths),
            object("Project", "shop", json!({}), json!({"deploymentPipelineRef": "pipeline"})),
            object(
                "Component",
                "web",
                json!({}),
                json!({"owner": {"projectName": "shop"}, "type": self.component_type}),
            ),
            object(
                "DeploymentTrack",
                "main",
                json!({"openchoreo.dev/component": "web", "openchoreo.dev/name": "main"}),
                json!({"autoDeploy": false}),
            ),
            object("ConfigurationGroup", GROUP, json!({}), json!({"configurations": settings.collect::<Vec<_>>()})),
            object("DeployableArtifact", "web", track, artifact),
            object("Deployment", DEPLOYMENT, place, deployment),
        ]
    }

    /// The objects in the data plane, or what the Deployment says when there are none.
    ///
    /// # Errors
    /// The platform does not have the kinds of a deployment, or does not come to rest.
    pub fn render(&self, platform: &Arc<Platform>) -> Result<Result<Vec<(Kind, Value)>, String>, OfflineError> {
        let plane = PlaneKey::data_plane(ORGANIZATION, "plane");
        let mut offline = Offline::new(platform, Timestamp::UNIX_EPOCH);
        offline.connect(&plane);
        for document in self.documents() {
            offline.apply(document)?;
        }
        offline.settle()?;
        let objects: Vec<(Kind, Value)> =
            offline.world().all(&plane).into_iter().map(|(key, live)| (key.kind, live.json())).collect();
        if !objects.is_empty() {
            return Ok(Ok(objects));
        }
        let key = ObjectKey::of::<Deployment>(ORGANIZATION, DEPLOYMENT);
        let shown = offline.world().get(&PlaneKey::Control, &key).map(|live| live.json()).unwrap_or_default();
        let conditions = shown.pointer("/status/conditions").and_then(Value::as_array).cloned().unwrap_or_default();
        let ready = conditions.into_iter().find(|condition| condition["type"] == "Ready").unwrap_or_default();
        Ok(Err(ready["message"].as_str().unwrap_or_default().to_owned()))
    }
}

/// A sample just beyond a check.
#[derive(Clone, Debug)]
pub struct Edge {
    /// The sample that is refused.
    pub sample: Sample,
    /// What the refusal must hold: the end of the field's path.
    pub field: &'static str,
    /// What a server refuses for the same reason; nothing where only what runs the container would.
    pub served: Option<Served>,
}

/// What a server refuses: a good object with one value in the place of another.
#[derive(Clone, Debug)]
pub struct Served {
    /// Kind of the object, among those of [`Sample::good`].
    pub kind: &'static str,
    /// Where the value is.
    pub pointer: String,
    /// The value.
    pub value: Value,
    /// What the server's answer holds.
    pub says: &'static str,
}

impl Served {
    /// Puts the value into an object; whether it has the place.
    pub fn put_into(&self, object: &mut Value) -> bool {
        let Some((parent, member)) = self.pointer.rsplit_once('/') else { return false };
        let parent = object.pointer_mut(parent).and_then(Value::as_object_mut);
        parent.map(|parent| parent.insert(member.to_owned(), self.value.clone())).is_some()
    }
}

/// Samples beyond each check.
pub fn edges() -> Vec<Edge> {
    let mut edges = probe_edges();
    edges.extend(schedule_edges());
    edges.extend(container_edges());
    edges.extend(object_edges());
    edges
}

fn edge(section: Value, field: &'static str, served: Option<Served>) -> Edge {
    let is_task = section.get("task").is_some();
    let mut sample = Sample::good(if is_task { component_type::SCHEDULED_TASK } else { component_type::SERVICE });
    merge(&mut sample.application, section);
    Edge { sample, field, served }
}

fn served(kind: &'static str, pointer: impl Into<String>, value: Value, says: &'static str) -> Option<Served> {
    Some(Served { kind, pointer: pointer.into(), value, says })
}

fn probe_edges() -> Vec<Edge> {
    const PORT: &str = "between 1 and 65535";
    let mut cases = vec![
        (json!({}), "livenessProbe`", Some("must specify a handler type")),
        (json!({"exec": {"command": []}}), "exec.command`", Some("command: Required")),
        (json!({"httpGet": {"port": 0}}), "httpGet.port`", Some(PORT)),
        (json!({"httpGet": {"port": 65_536}}), "httpGet.port`", Some(PORT)),
        (json!({"httpGet": {"port": "8080"}}), "httpGet.port`", Some("must contain at least one letter")),
        (json!({"httpGet": {"port": "http"}}), "httpGet.port`", None),
        (json!({"httpGet": {"port": 80, "scheme": "http"}}), "httpGet.scheme`", Some("Unsupported value")),
        (json!({"httpGet": {"port": 80, "host": "db.example.com"}}), "httpGet.host`", None),
        (
            json!({"httpGet": {"port": 80, "httpHeaders": [{"name": "a b", "value": "x"}]}}),
            "httpHeaders[0].name`",
            Some("httpHeaders: Invalid"),
        ),
        (json!({"tcpSocket": {"port": -1}}), "tcpSocket.port`", Some(PORT)),
        (json!({"tcpSocket": {"port": 80, "host": "169.254.169.254"}}), "tcpSocket.host`", None),
        (json!({"grpc": {"port": 0}}), "grpc.port`", Some(PORT)),
        (
            json!({"httpGet": {"port": 80}, "exec": {"command": ["true"]}}),
            "livenessProbe`",
            Some("may not specify more than 1 handler type"),
        ),
    ];
    for (member, value, field, says) in [
        ("initialDelaySeconds", -1, "initialDelaySeconds`", "greater than or equal to 0"),
        ("timeoutSeconds", -1, "timeoutSeconds`", "greater than or equal to 0"),
        ("periodSeconds", -1, "periodSeconds`", "greater than or equal to 0"),
        ("failureThreshold", -1, "failureThreshold`", "greater than or equal to 0"),
        ("successThreshold", 2, "successThreshold`", "must be 1"),
        ("terminationGracePeriodSeconds", 0, "terminationGracePeriodSeconds`", "must be greater than 0"),
    ] {
        cases.push((json!({"grpc": {"port": 80}, member: value}), field, Some(says)));
    }
    let mut edges: Vec<Edge> = cases
        .into_iter()
        .map(|(probe, field, says)| {
            let refused =
                says.and_then(|says| served("Deployment", format!("{CONTAINER}/livenessProbe"), probe.clone(), says));
            edge(json!({"probes": {"livenessProbe": probe}}), field, refused)
        })
        .collect();
    let readiness = json!({"grpc": {"port": 80}, "terminationGracePeriodSeconds": 5});
    edges.push(edge(
        json!({"probes": {"readinessProbe": readiness}}),
        "readinessProbe.terminationGracePeriodSeconds`",
        served("Deployment", format!("{CONTAINER}/readinessProbe"), readiness, "must not be set for readinessProbes"),
    ));
    edges
}

fn schedule_edges() -> Vec<Edge> {
    let schedules = ["60 * * * *", "* * * *", "* * 0 * *", "5-1 * * * *", "*/0 * * * *", "* * * * 7", "@reboot"];
    let schedules = schedules.map(|cron| {
        let task = json!({"task": {"schedule": {"cron": cron, "timezone": "Etc/UTC"}}});
        edge(task, "schedule.cron`", served("CronJob", "/spec/schedule", cron.into(), "spec.schedule: Invalid value"))
    });
    let zones = ["Europe/Atlantis", "europe/zurich", "Local", "../etc", "CET/"].map(|zone| {
        let task = json!({"task": {"schedule": {"cron": "@daily", "timezone": zone}}});
        edge(
            task,
            "schedule.timezone`",
            served("CronJob", "/spec/timeZone", zone.into(), "spec.timeZone: Invalid value"),
        )
    });
    schedules.into_iter().chain(zones).collect()
}

fn container_edges() -> Vec<Edge> {
    let limits = |value: &str| json!({ "cpu": value });
    let quantity = |text: &'static str, says| {
        let pointer = format!("{CONTAINER}/resources/limits");
        edge(
            json!({"resourceLimits": limits(text)}),
            "resourceLimits.cpu`",
            served("Deployment", pointer, limits(text), says),
        )
    };
    let file = |path: &str| json!({"mountPath": path, "value": "x"});
    let mounts = |paths: &[&str]| json!({"fileMounts": paths.iter().map(|path| file(path)).collect::<Vec<_>>()});
    let twice = json!([{"name": "a", "mountPath": "/etc/a"}, {"name": "a", "mountPath": "/etc/a"}]);
    let scaled = |scaling: Value, field, pointer: &str, value: i64, says| {
        edge(
            json!({"scaling": {"hpa": scaling}}),
            field,
            served("HorizontalPodAutoscaler", pointer, value.into(), says),
        )
    };
    vec![
        quantity("-1", "must be greater than or equal to 0"),
        quantity("1mb", "quantities must match"),
        quantity("1e", "unable to parse quantity"),
        edge(
            json!({"env": [{"key": "A=B", "value": "x"}]}),
            "env[0].key`",
            served("Deployment", format!("{CONTAINER}/env"), json!([{"name": "A=B", "value": "x"}]), "env[0].name"),
        ),
        edge(mounts(&["etc/a"]), "fileMounts[0].mountPath`", None),
        edge(mounts(&["/"]), "fileMounts[0].mountPath`", None),
        edge(
            mounts(&["/etc/a", "/etc//a/"]),
            "fileMounts[1].mountPath`",
            served("Deployment", format!("{CONTAINER}/volumeMounts"), twice, "duplicate entries"),
        ),
        edge(mounts(&["/etc/a", "/etc/a/b/c"]), "fileMounts[1].mountPath`", None),
        edge(mounts(&["/etc/a/b", "/etc/a"]), "fileMounts[1].mountPath`", None),
        edge(json!({"args": vec!["x".repeat(128 * 1024); 9]}), "spec.configuration.application`", None),
        scaled(json!({"minReplicas": 0, "maxReplicas": 3}), "minReplicas`", "/spec/minReplicas", 0, "minReplicas"),
        scaled(json!({"minReplicas": 1, "maxReplicas": 0}), "maxReplicas`", "/spec/maxReplicas", 0, "maxReplicas"),
        scaled(json!({"minReplicas": 3, "maxReplicas": 2}), "maxReplicas`", "/spec/maxReplicas", 0, "maxReplicas"),
        scaled(
            json!({"maxReplicas": 3, "cpuThreshold": 0}),
            "cpuThreshold`",
            "/spec/metrics/0/resource/target/averageUtilization",
            0,
            "must be greater than 0",
        ),
    ]
}

fn object_edges() -> Vec<Edge> {
    let good = || Sample::good(component_type::SERVICE);
    let too_long = || "x".repeat(SIZE_LIMIT + 1);
    let half = || "x".repeat(SIZE_LIMIT / 2 + 1);
    let port = |port: i64| Edge {
        sample: Sample { ports: vec![8080, port], ..good() },
        field: "componentRef.port`",
        served: served("Service", "/spec/ports", json!([{"name": "a", "port": port}]), "must be between 1 and 65535"),
    };
    let setting = |key: &str| Edge {
        sample: Sample { settings: vec![(key.to_owned(), "x".to_owned())], ..good() },
        field: "spec.configurations[0].key`",
        served: served("ConfigMap", "/data", json!({ key: "x" }), "data["),
    };
    vec![
        port(0),
        port(65_536),
        setting("a b"),
        setting("..a"),
        Edge {
            sample: Sample { revision_history_limit: Some(-1), ..good() },
            field: "spec.revisionHistoryLimit`",
            served: served("Deployment", "/spec/revisionHistoryLimit", (-1).into(), "greater than or equal to 0"),
        },
        edge(
            json!({"fileMounts": [{"mountPath": "/etc/a", "value": too_long()}]}),
            "fileMounts[0].value`",
            served("ConfigMap", "/data", json!({"content": too_long()}), "Too long"),
        ),
        edge(
            json!({"fileMounts": [{"mountPath": "/etc/a", "value": "\u{1}".repeat(SIZE_LIMIT / 2)}]}),
            "fileMounts[0].value`",
            served("ConfigMap", "/data", json!({"content": "\u{1}".repeat(SIZE_LIMIT / 2)}), "too large"),
        ),
        Edge {
            sample: Sample { settings: vec![("a".to_owned(), half()), ("b".to_owned(), half())], ..good() },
            field: "spec.configurations`",
            served: served("ConfigMap", "/data", json!({"a": half(), "b": half()}), "Too long"),
        },
    ]
}

/// A sample that is mostly good, the same for the same number.
pub fn any_sample(number: u64) -> Sample {
    let mut dice = Dice(number);
    let is_task = dice.one_in(3);
    let mut sample = Sample::good(if is_task { component_type::SCHEDULED_TASK } else { component_type::SERVICE });
    let mut section = json!({
        "args": dice.some_of(&["", "-x", "$(MODE)", "a b", "ü\u{1F980}", "\n"]),
        "env": dice.some_of(&["MODE", "a.b-c", "_", "2X", "PATH", "A~!"]).iter().map(|key| {
            json!({"key": key, "value": dice.pick(&["", "x", "$(X)", "ä\n"])})
        }).collect::<Vec<_>>(),
        "fileMounts": dice.some_of(&["/a", "/etc/app/x.conf", "//b/./c", "/etc/app/y", "/a/b", "/d e/ü"]).iter().map(|path| {
            json!({"mountPath": path, "value": dice.pick(&["", "a: b\n", "ä", "\u{7f}\u{1}\u{85}x\n", "\u{feff}a\u{2028}b"])})
        }).collect::<Vec<_>>(),
        "resourceLimits": {"cpu": dice.quantity(), "memory": dice.quantity()},
        "probes": {"readinessProbe": dice.probe(), "livenessProbe": dice.probe()},
    });
    if dice.one_in(2) {
        let groups =
            json!([{"configurationGroupRef": {"name": GROUP, "mountPath": dice.pick(&["/etc/group", "/a", "/"])}}]);
        merge(&mut section, json!({ "fileMountsFrom": groups }));
    }
    if is_task {
        let cron = dice.pick(&[
            "* * * * *",
            "*/7 0-6/2 1,15 jan-MAR mon",
            "@daily",
            "0 0 31 2 ?",
            "5/10 * * * SUN-SAT",
            "1-1 * * * *",
        ]);
        let zone =
            dice.pick(&["Etc/UTC", "UTC", "Europe/Kyiv", "America/Port-au-Prince", "Etc/GMT+5", "GB", "Asia/Oral"]);
        merge(
            &mut section,
            json!({"task": {"disabled": dice.one_in(2), "schedule": {"cron": cron, "timezone": zone}}}),
        );
    } else {
        let hpa = json!({
            "minReplicas": dice.pick(&[1, 2, 5]), "maxReplicas": dice.pick(&[5, 1, 100, i64::from(i32::MAX)]),
            "cpuThreshold": dice.pick(&[1, 80, 1000]), "memoryThreshold": dice.pick(&[1, 50]),
        });
        merge(&mut section, json!({"scaling": {"hpa": hpa}}));
    }
    merge(&mut sample.application, section);
    sample.ports = dice.some_of(&[1, 80, 8080, 65_535, 443]).into_iter().chain([8080]).collect();
    sample.revision_history_limit = dice.pick(&[None, Some(0), Some(10), Some(i64::from(i32::MAX))]);
    let keys = dice.some_of(&["host", "a.b", ".hidden", "-", "_", "UPPER-case_1"]);
    sample.settings = keys.into_iter().map(|key| (key.to_owned(), dice.pick(&["", "x", "ä\n"]).to_owned())).collect();
    sample
}

/// Numbers that look random and are the same each time (SplitMix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn one_in(&mut self, sides: u64) -> bool {
        self.next().is_multiple_of(sides)
    }

    fn pick<T: Copy + Default>(&mut self, from: &[T]) -> T {
        let sides = u64::try_from(from.len()).unwrap_or(1).max(1);
        let position = usize::try_from(self.next() % sides).unwrap_or_default();
        from.get(position).copied().unwrap_or_default()
    }

    fn some_of<T: Copy>(&mut self, from: &[T]) -> Vec<T> {
        from.iter().copied().filter(|_| self.one_in(3)).collect()
    }

    fn quantity(&mut self) -> &'static str {
        self.pick(&["1", "500m", "0.5", ".5", "256Mi", "1e3", "2E", "1E-2", "+1Gi", "0", "1n", "1e99", "1.5Gi", "007"])
    }

    fn probe(&mut self) -> Value {
        let port = self.pick(&[1, 8080, 65_535]);
        let mut probe = match self.pick(&[0, 1, 2, 3]) {
            0 => json!({"exec": {"command": ["", "true"]}}),
            1 => json!({"grpc": {"port": port, "service": self.pick(&["", "health"])}}),
            2 => json!({"tcpSocket": {"port": "ep-8080-tcp"}}),
            _ => json!({"httpGet": {
                "path": self.pick(&["", "/", "ready", "/a?b=c"]), "port": port, "host": "",
                "scheme": self.pick(&["", "HTTP", "HTTPS"]), "httpHeaders": [{"name": "Host", "value": "shop.example.com"}],
            }}),
        };
        for member in ["initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"]
        {
            if self.one_in(2) {
                merge(&mut probe, json!({ member: self.pick(&[0, 1]) }));
            }
        }
        probe
    }
}

/// Puts the members of one object into another.
fn merge(into: &mut Value, members: Value) {
    if let (Some(into), Value::Object(members)) = (into.as_object_mut(), members) {
        into.extend(members);
    }
}
