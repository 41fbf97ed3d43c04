//! One way in: who may reach what by it, under which protection and why. And the words for it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use openchoreo_core::extension::PlatformSettings;
use openchoreo_core::isolation::Direction;
use openchoreo_core::kind::{Kind, ObjectKey, PlaneKey};
use openchoreo_core::reach::{Admission, Backend, EndpointName, Passage, Peers, Pods, PortRange, Protection};
use serde::Serialize;
use serde_json::Value;

/// Something that may be reached, by whom and why.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Access {
    /// The plane; of several that lead to one cluster, one of them.
    pub plane: PlaneKey,
    /// The way in.
    pub way: Way,
}

/// How something is reached.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Way {
    /// Requests at a gateway.
    Requests {
        /// Whom the gateway serves.
        who: Who,
        /// What it lets in. It is never closed.
        admission: Box<Admission>,
    },
    /// Connections of pods, as far as their own policies go. One between two pods needs the policies of both.
    Connections {
        /// Whose pods, and by which policies.
        sides: BTreeSet<Side>,
        /// The dialect by whose policies: it holds where these are enforced.
        dialect: Kind,
        /// Who begins the connections.
        direction: Direction,
        /// Which pods.
        pods: Pods,
        /// The other end.
        peers: Peers,
        /// The ports that they go to; empty for all.
        ports: BTreeSet<PortRange>,
    },
    /// A listener of a Gateway, at which routes are served.
    Listener {
        /// Whom the gateway serves.
        who: Who,
        /// The Gateway, as namespace and name.
        gateway: (String, String),
        /// The listener.
        listener: ListenerWords,
    },
    /// A Service that is open to the outside without a gateway.
    Service {
        /// The Service.
        service: ObjectKey,
        /// What opens it, such as its type.
        by: String,
    },
    /// Whatever a plane holds that cannot be seen.
    Unseen {
        /// Why not.
        why: String,
    },
}

/// Whom a gateway serves.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Who {
    /// Everybody.
    Everybody,
    /// One organization, by a gateway of its own.
    Organization(String),
    /// All organizations whose networks reach the gateway that they share.
    Organizations,
    /// Whoever reaches a Gateway that the platform's settings do not name, given as namespace and name.
    Gateway(String, String),
}

/// The pods of a namespace, by what the namespace is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Home {
    /// What is deployed of a project in an environment.
    Cell {
        /// Organization.
        organization: String,
        /// Project.
        project: String,
        /// Environment.
        environment: String,
        /// Namespace.
        namespace: String,
    },
    /// The builds of an organization.
    Builds {
        /// Organization.
        organization: String,
        /// Namespace.
        namespace: String,
    },
    /// A namespace that does not say what it is for.
    Namespace(String),
}

/// The pods of a namespace at their end of connections.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Side {
    /// Whose pods.
    pub home: Home,
    /// The policy that lets the connections through; nothing where none is in the way.
    pub cause: Option<ObjectKey>,
}

/// A listener of a Gateway, in words.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ListenerWords {
    /// Name, protocol and port.
    pub at: String,
    /// The hosts that it serves.
    pub hosts: String,
    /// Whose routes it takes.
    pub routes: String,
}

impl Who {
    /// Whom the gateway of an admission serves.
    pub(super) fn served_by(settings: &PlatformSettings, admission: &Admission) -> Self {
        match &admission.gateway {
            // It may be the gateway for everybody.
            None => Self::Everybody,
            Some(gateway) => Self::at(settings, gateway, admission.endpoint.as_ref()),
        }
    }

    /// Whom a gateway serves; the endpoint that it publishes tells whose own it may be.
    pub(super) fn at(
        settings: &PlatformSettings,
        (namespace, name): &(String, String),
        for_: Option<&EndpointName>,
    ) -> Self {
        let is_ours = *namespace == settings.system_namespace;
        let organization = for_.map(|endpoint| endpoint.organization.as_str()).unwrap_or_default();
        let gateways = settings.gateways(organization);
        if is_ours && *name == gateways.external {
            Self::Everybody
        } else if is_ours && *name == gateways.internal {
            if gateways.is_internal_shared { Self::Organizations } else { Self::Organization(organization.to_owned()) }
        } else {
            Self::Gateway(namespace.clone(), name.clone())
        }
    }
}

impl Access {
    /// What a gateway lets in; nothing where it is closed.
    pub(super) fn requests(plane: &PlaneKey, who: &Who, admission: &Admission) -> Option<Self> {
        let way = || Way::Requests { who: who.clone(), admission: Box::new(admission.clone()) };
        (admission.protection != Protection::Closed).then(|| Self { plane: plane.clone(), way: way() })
    }

    /// Who may reach it.
    fn who(&self) -> String {
        match &self.way {
            Way::Requests { who, .. } | Way::Listener { who, .. } => who.to_string(),
            Way::Connections { sides, pods, direction: Direction::Out, .. } => our_pods(sides, pods),
            Way::Connections { peers, .. } => peers.to_string(),
            Way::Service { .. } | Way::Unseen { .. } => "everybody".to_owned(),
        }
    }

    /// What is reached.
    fn what(&self) -> String {
        match &self.way {
            Way::Requests { admission, .. } => requested(admission),
            Way::Connections { sides, pods, direction, peers, ports, .. } => {
                let to = if *direction == Direction::Out { peers.to_string() } else { our_pods(sides, pods) };
                format!("{to} on {}", port_words(ports))
            }
            Way::Listener { gateway: (namespace, name), listener, .. } => {
                let ListenerWords { at, hosts, routes } = listener;
                format!("Gateway {namespace}/{name} at {at}, which serves {hosts} by {routes}")
            }
            Way::Service { service, .. } => service.to_string(),
            Way::Unseen { .. } => format!("whatever {} holds", self.plane),
        }
    }

    /// Under which protection, and why.
    fn how(&self) -> String {
        match &self.way {
            Way::Requests { admission, .. } => {
                let causes: Vec<String> = admission.causes.iter().map(ToString::to_string).collect();
                format!("{} (by {})", admission.protection, causes.join(", "))
            }
            Way::Connections { sides, dialect, .. } => {
                let causes: BTreeSet<&str> =
                    sides.iter().filter_map(|side| Some(side.cause.as_ref()?.name.as_str())).collect();
                let by = match causes.into_iter().collect::<Vec<_>>().as_slice() {
                    [] => format!("no {dialect} is in the way"),
                    names => format!("by {dialect} `{}`", names.join("`, `")),
                };
                format!("as far as the {dialect} of these pods goes ({by})")
            }
            Way::Listener { .. } => "under the protection of its routes".to_owned(),
            Way::Service { by, .. } => format!("beside every gateway (by {by})"),
            Way::Unseen { why } => format!("as nobody can tell ({why})"),
        }
    }

    /// As a sentence that begins with some words and has others between who and what.
    pub(super) fn sentence(&self, f: &mut fmt::Formatter<'_>, begin: &str, verb: &str) -> fmt::Result {
        write!(f, "{begin}{} {verb} {} {}", self.who(), self.what(), self.how())
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.sentence(f, "", "may reach")
    }
}

/// Requests, by where they lead.
fn requested(admission: &Admission) -> String {
    let requests = &admission.requests;
    let host = if requests.host.is_empty() { "every host" } else { &requests.host };
    let named = |Backend { kind, namespace, name, .. }: &Backend| format!("{kind} {namespace}/{name}");
    let of = match &admission.endpoint {
        Some(EndpointName { organization, project, component, environment, .. }) => {
            format!("component `{organization}/{project}/{component}` in `{environment}`")
        }
        None if admission.backends.is_empty() => "something".to_owned(),
        None => admission.backends.iter().map(named).collect::<Vec<_>>().join(" and "),
    };
    format!("{requests} of {of} at `{host}`")
}

/// Ports, of which none are all.
pub(super) fn port_words(ports: &BTreeSet<PortRange>) -> String {
    if ports.is_empty() {
        return "all ports".to_owned();
    }
    ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// How many namespaces are named in a sentence.
const NAMED: usize = 3;

fn our_pods(sides: &BTreeSet<Side>, pods: &Pods) -> String {
    let mut names: Vec<String> = sides.iter().take(NAMED).map(|side| side.home.to_string()).collect();
    if sides.len() > NAMED {
        names.push(format!("{} more", sides.len() - NAMED));
    }
    let which = match pods {
        Pods::All => String::new(),
        Pods::Selected(selection) => format!("with {selection} "),
        Pods::Others(_) => "that no policy selects ".to_owned(),
    };
    format!("the pods {which}of {}", names.join(" and of "))
}

impl fmt::Display for Home {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cell { organization, project, environment, .. } => {
                write!(f, "project `{organization}/{project}` in `{environment}`")
            }
            Self::Builds { organization, .. } => write!(f, "the builds of organization `{organization}`"),
            Self::Namespace(namespace) => write!(f, "namespace `{namespace}`"),
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everybody => f.write_str("everybody"),
            Self::Organization(organization) => write!(f, "organization `{organization}`"),
            Self::Organizations => f.write_str("every organization"),
            Self::Gateway(namespace, name) => write!(f, "whoever reaches Gateway {namespace}/{name}"),
        }
    }
}

impl From<&Value> for ListenerWords {
    fn from(listener: &Value) -> Self {
        let text = |pointer: &str| listener.pointer(pointer).and_then(Value::as_str);
        let port = listener.get("port").and_then(Value::as_i64).unwrap_or_default();
        let hosts = text("/hostname").map_or_else(|| "every host".to_owned(), |host| format!("`{host}`"));
        let routes = match text("/allowedRoutes/namespaces/from") {
            None | Some("Same") => "routes of its own namespace".to_owned(),
            Some("All") => "routes of every namespace".to_owned(),
            Some("Selector") => {
                format!("routes of namespaces `{}`", listener["allowedRoutes"]["namespaces"]["selector"])
            }
            Some(other) => format!("routes from `{other}`"),
        };
        let at = format!("{} {port} (`{}`)", text("/protocol").unwrap_or_default(), text("/name").unwrap_or_default());
        Self { at, hosts, routes }
    }
}

/// What opens a Service to the outside.
pub(super) fn opening_of(spec: &Value) -> Option<String> {
    let type_ = spec.get("type").and_then(Value::as_str).unwrap_or("ClusterIP");
    let is_listed = spec.get("externalIPs").and_then(Value::as_array).is_some_and(|addresses| !addresses.is_empty());
    match type_ {
        "ClusterIP" if is_listed => Some("`spec.externalIPs`".to_owned()),
        "ClusterIP" => None,
        other => Some(format!("`spec.type` `{other}`")),
    }
}

/// Connections of pods, those that homes share told together.
pub(super) fn shared<'p>(
    each: impl Iterator<Item = (&'p PlaneKey, &'p Home, Kind, &'p Passage)>,
) -> impl Iterator<Item = Access> {
    type Key<'p> = (&'p PlaneKey, Kind, Direction, &'p Pods, &'p Peers, &'p BTreeSet<PortRange>);
    let mut all: BTreeMap<Key<'p>, BTreeSet<Side>> = BTreeMap::new();
    for (plane, home, dialect, Passage { direction, pods, peers, ports, cause }) in each {
        let key = (plane, dialect, *direction, pods, peers, ports);
        all.entry(key).or_default().insert(Side { home: home.clone(), cause: cause.clone() });
    }
    all.into_iter().map(|((plane, dialect, direction, pods, peers, ports), sides)| Access {
        plane: plane.clone(),
        way: Way::Connections {
            sides,
            dialect,
            direction,
            pods: pods.clone(),
            peers: peers.clone(),
            ports: ports.clone(),
        },
    })
}
