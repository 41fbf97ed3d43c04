//! What the pods of a cell may use: a quota for all of them, and limits for each container, by platform and environment.
//!
//! An environment may be narrower than the platform, not wider, since the platform's bounds keep organizations on one
//! plane from each other's resources: its [`Quota`] and its greatest values may be smaller, its least values greater. What
//! containers get that do not say is its own choice. Here is what is allowed and what a container comes to; the objects
//! that hold a cluster to it are made elsewhere.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use openchoreo_types::quantity::Amount;
use openchoreo_types::spelling::nearest;
use openchoreo_types::v1alpha1::Environment;

use crate::hierarchy::name_of;
use crate::labels::annotations::{CONTAINER_LIMITS, QUOTA};

/// What a container uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    /// Processors.
    Cpu,
    /// Memory.
    Memory,
    /// What is written to the disk of the node.
    EphemeralStorage,
}

impl Resource {
    const ALL: [Self; 3] = [Self::Cpu, Self::Memory, Self::EphemeralStorage];

    /// As Kubernetes writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::EphemeralStorage => "ephemeral-storage",
        }
    }
}

/// What a quota counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Counted {
    /// What containers are promised.
    Requests(Resource),
    /// What containers may use.
    Limits(Resource),
    /// Pods.
    Pods,
}

/// What is said of a resource for each container, from the least to the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Limit {
    /// The least that one may ask for.
    Min,
    /// What one is promised that does not say.
    DefaultRequest,
    /// What one may use that does not say.
    Default,
    /// The most that one may use.
    Max,
}

impl Limit {
    const ALL: [Self; 4] = [Self::Min, Self::DefaultRequest, Self::Default, Self::Max];

    /// As Kubernetes writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Min => "min",
            Self::DefaultRequest => "defaultRequest",
            Self::Default => "default",
            Self::Max => "max",
        }
    }
}

/// The name of a limit of a resource.
fn name_of_limit((resource, limit): &(Resource, Limit)) -> String {
    format!("{}.{resource}", limit.as_str())
}

impl fmt::Display for Resource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl fmt::Display for Counted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Requests(resource) => write!(formatter, "requests.{resource}"),
            Self::Limits(resource) => write!(formatter, "limits.{resource}"),
            Self::Pods => formatter.write_str("pods"),
        }
    }
}

/// What all pods of a cell may use together.
///
/// ```
/// use openchoreo_core::resources::{Counted, Quota};
///
/// let quota: Quota = "limits.memory=8Gi, pods=50".parse()?;
/// assert_eq!(quota.amounts().next_back().map(|(counted, _)| counted), Some(Counted::Pods));
/// assert!("limits.memry=8Gi".parse::<Quota>().is_err());
/// # Ok::<(), openchoreo_core::resources::ListError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quota(BTreeMap<Counted, Amount>);

impl Quota {
    /// How much there may be of what is counted.
    pub fn amounts(&self) -> impl DoubleEndedIterator<Item = (Counted, &Amount)> {
        self.0.iter().map(|(counted, amount)| (*counted, amount))
    }
}

impl FromStr for Quota {
    type Err = ListError;

    fn from_str(text: &str) -> Result<Self, ListError> {
        let of_containers = Resource::ALL.into_iter().flat_map(|of| [Counted::Requests(of), Counted::Limits(of)]);
        let known = of_containers.chain([Counted::Pods]).map(|counted| (counted.to_string(), counted)).collect();
        let amounts = amounts(text, &known)?;
        match amounts.get(&Counted::Pods).filter(|pods| pods.is_zero() || !pods.is_whole()) {
            Some(pods) => Err(ListError(format!("`pods={pods}` lets no whole number of pods run; give `1` or more"))),
            None => Ok(Self(amounts)),
        }
    }
}

/// What each container of a cell may use, and what one gets that does not say.
///
/// ```
/// use openchoreo_core::resources::ContainerLimits;
///
/// assert!("max.cpu=2, default.cpu=500m".parse::<ContainerLimits>().is_ok());
/// assert!("max.cpu=2, default.cpu=3".parse::<ContainerLimits>().is_err());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerLimits(BTreeMap<(Resource, Limit), Amount>);

impl ContainerLimits {
    /// What is said of each resource, with what Kubernetes concludes from it: a container that does not say may use the
    /// most that is allowed, and is promised what it may use, or else the least.
    pub fn amounts(&self) -> BTreeMap<(Resource, Limit), Amount> {
        let mut all = self.0.clone();
        for resource in Resource::ALL {
            for (missing, from) in [
                (Limit::Default, Limit::Max),
                (Limit::DefaultRequest, Limit::Default),
                (Limit::DefaultRequest, Limit::Min),
            ] {
                if let Some(amount) = all.get(&(resource, from)).cloned() {
                    all.entry((resource, missing)).or_insert(amount);
                }
            }
        }
        all
    }

    /// What contradicts itself: of one resource, what should be less is more.
    fn contradiction(&self) -> Option<ListError> {
        let all = self.amounts();
        let mut pairs = all.iter().zip(all.iter().skip(1));
        let (less, more) =
            pairs.find(|(((resource, _), less), ((other, _), more))| resource == other && less > more)?;
        let told = |(key, amount): (&(Resource, Limit), &Amount)| format!("`{}={amount}`", name_of_limit(key));
        let (less, more) = (told(less), told(more));
        Some(ListError(format!(
            "comes to {less}, which is more than {more}; let values rise from `min` over `defaultRequest` and `default` to `max`"
        )))
    }
}

impl FromStr for ContainerLimits {
    type Err = ListError;

    fn from_str(text: &str) -> Result<Self, ListError> {
        let of = |resource| Limit::ALL.into_iter().map(move |limit| (resource, limit));
        let known = Resource::ALL.into_iter().flat_map(of).map(|key| (name_of_limit(&key), key));
        let limits = Self(amounts(text, &known.collect())?);
        limits.contradiction().map_or(Ok(limits), Err)
    }
}

/// What is wrong with a list of amounts, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ListError(String);

/// Reads `name=quantity` with commas between.
fn amounts<K: Copy + Ord>(text: &str, known: &BTreeMap<String, K>) -> Result<BTreeMap<K, Amount>, ListError> {
    let mut amounts = BTreeMap::new();
    for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        let Some((name, quantity)) = entry.split_once('=') else {
            return Err(ListError(format!("`{entry}` says no quantity; write it like `{entry}=2`")));
        };
        let Some(key) = known.get(name.trim()) else {
            let names: Vec<&str> = known.keys().map(String::as_str).collect();
            let right = match nearest(name.trim(), names.iter().copied()) {
                Some(meant) => format!("was `{meant}` meant?"),
                None => format!("known are `{}`", names.join("`, `")),
            };
            return Err(ListError(format!("`{}` is not known; {right}", name.trim())));
        };
        let amount = quantity.trim().parse().map_err(|error| ListError(format!("`{}`: {error}", name.trim())))?;
        if amounts.insert(*key, amount).is_some() {
            return Err(ListError(format!("`{}` is there twice; keep one", name.trim())));
        }
    }
    Ok(amounts)
}

/// What the pods of a cell may use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourceBounds {
    /// All of them together.
    pub quota: Quota,
    /// Each container.
    pub containers: ContainerLimits,
}

/// An annotation that says bounds which cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` {problem}")]
pub struct BoundsError {
    /// The field of the Environment.
    pub field: String,
    /// What is wrong, and what would be right.
    pub problem: String,
}

/// A field of a workload that does not fit into its bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Excess {
    /// What the container may use of a resource.
    Limit(Resource, String),
    /// How many pods there are at least.
    Replicas(String),
}

impl ResourceBounds {
    /// The bounds of an environment: its own by annotation, and those of the platform where it says nothing.
    ///
    /// # Errors
    /// An annotation cannot be read, is wider than the platform, or contradicts it.
    pub fn of(environment: &Environment, platform: &Self) -> Result<Self, BoundsError> {
        let annotation = |key| environment.metadata.annotations.as_ref().and_then(|all| all.get(key));
        let wrong = |key: &str| {
            let field = format!("metadata.annotations[{key}]");
            move |ListError(problem)| BoundsError { field, problem }
        };
        let mut bounds = platform.clone();
        if let Some(written) = annotation(QUOTA) {
            let own = written.parse::<Quota>().map_err(wrong(QUOTA))?;
            let is_wider = |_: &Counted, own: &Amount, platforms: &Amount| own > platforms;
            narrow(&mut bounds.quota.0, own.0, is_wider, Counted::to_string).map_err(wrong(QUOTA))?;
        }
        if let Some(written) = annotation(CONTAINER_LIMITS) {
            let own = written.parse::<ContainerLimits>().map_err(wrong(CONTAINER_LIMITS))?;
            let is_wider = |(_, limit): &(Resource, Limit), own: &Amount, platforms: &Amount| match limit {
                Limit::Min => own < platforms,
                Limit::Max => own > platforms,
                Limit::DefaultRequest | Limit::Default => false,
            };
            narrow(&mut bounds.containers.0, own.0, is_wider, name_of_limit).map_err(wrong(CONTAINER_LIMITS))?;
            let contradiction = bounds.containers.contradiction();
            contradiction.map_or(Ok(()), |problem| Err(wrong(CONTAINER_LIMITS)(problem)))?;
        }
        Ok(bounds)
    }

    /// Checks pods of one container, of which there are at least so many. What the container says of a resource is what it
    /// is promised and what it may use.
    ///
    /// # Errors
    /// What a cluster would refuse of them, and what would be right.
    pub fn check(
        &self,
        environment: &Environment,
        said: &BTreeMap<Resource, Amount>,
        replicas: u32,
    ) -> Result<(), Excess> {
        let environment = format!("Environment `{}`", name_of(environment));
        let bounds = self.containers.amounts();
        for (resource, amount) in said {
            let bound = |limit| bounds.get(&(*resource, limit));
            if let Some(most) = bound(Limit::Max).filter(|most| amount > most) {
                let problem =
                    format!("is `{amount}`, more than a container may use in {environment}; give at most `{most}`");
                return Err(Excess::Limit(*resource, problem));
            }
            if let Some(least) = bound(Limit::Min).filter(|least| amount < least) {
                let problem = format!(
                    "is `{amount}`, less than a container must ask for in {environment}; give at least `{least}`"
                );
                return Err(Excess::Limit(*resource, problem));
            }
        }
        for (counted, hard) in self.quota.amounts() {
            let (resource, default) = match counted {
                Counted::Requests(resource) => (resource, Limit::DefaultRequest),
                Counted::Limits(resource) => (resource, Limit::Default),
                Counted::Pods => {
                    if Amount::from(replicas) > *hard {
                        let problem = format!("is {replicas}, more than the quota `{counted}={hard}` of {environment}");
                        return Err(Excess::Replicas(problem));
                    }
                    continue;
                }
            };
            let Some(amount) = said.get(&resource).or_else(|| bounds.get(&(resource, default))) else {
                let problem = format!(
                    "is missing, but {environment} counts `{counted}` in its quota; give it, or `{}` in annotation `{CONTAINER_LIMITS}` of the Environment",
                    name_of_limit(&(resource, default))
                );
                return Err(Excess::Limit(resource, problem));
            };
            if amount > hard {
                let comes_to = if said.contains_key(&resource) { "is" } else { "is missing, which comes to" };
                let problem = format!(
                    "{comes_to} `{amount}`, more than the quota `{counted}={hard}` of all of the project in {environment}; give less"
                );
                return Err(Excess::Limit(resource, problem));
            }
            if amount.times_exceeds(replicas, hard) {
                let problem = format!(
                    "is {replicas}, with `{amount}` each more than the quota `{counted}={hard}` of {environment}; lower one of them"
                );
                return Err(Excess::Replicas(problem));
            }
        }
        Ok(())
    }
}

/// Puts what an environment says in the place of what the platform says.
fn narrow<K: Ord>(
    platforms: &mut BTreeMap<K, Amount>,
    own: BTreeMap<K, Amount>,
    is_wider: impl Fn(&K, &Amount, &Amount) -> bool,
    name: impl Fn(&K) -> String,
) -> Result<(), ListError> {
    for (key, amount) in own {
        if let Some(bound) = platforms.get(&key).filter(|bound| is_wider(&key, &amount, bound)) {
            let name = name(&key);
            let problem = format!(
                "holds `{name}={amount}`, which is wider than the platform allows; use `{name}={bound}` or narrower"
            );
            return Err(ListError(problem));
        }
        platforms.insert(key, amount);
    }
    Ok(())
}
