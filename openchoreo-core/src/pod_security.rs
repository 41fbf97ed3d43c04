//! What pods may do on their nodes: the levels of Kubernetes' Pod Security Standards, and which one an environment has.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use openchoreo_types::v1alpha1::Environment;

use crate::labels::annotations::POD_SECURITY;

/// A level of the Pod Security Standards, from the widest to the narrowest.
///
/// ```
/// use openchoreo_core::pod_security::PodSecurity;
///
/// assert!(PodSecurity::Restricted > PodSecurity::default());
/// assert_eq!("baseline".parse(), Ok(PodSecurity::Baseline));
/// assert!("strict".parse::<PodSecurity>().is_err());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum PodSecurity {
    /// Anything, what gives away the node too.
    Privileged,
    /// Nothing that is known to give away the node; images may run as root. What every workload of the shipped renderers
    /// keeps.
    #[default]
    Baseline,
    /// Only what hardened pods do: no root, no capabilities. Images must name a user by number.
    Restricted,
}

impl PodSecurity {
    const ALL: [Self; 3] = [Self::Privileged, Self::Baseline, Self::Restricted];

    /// The level as Kubernetes writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Privileged => "privileged",
            Self::Baseline => "baseline",
            Self::Restricted => "restricted",
        }
    }

    /// The level of an environment: its own by annotation, or that of the platform. An environment may be narrower than
    /// the platform, not wider.
    ///
    /// # Errors
    /// What is wrong with the annotation, and what would be right.
    pub fn of(environment: &Environment, platform: Self) -> Result<Self, String> {
        let Some(written) = environment.metadata.annotations.as_ref().and_then(|all| all.get(POD_SECURITY)) else {
            return Ok(platform);
        };
        let allowed = || {
            let levels = Self::ALL.into_iter().filter(|level| *level >= platform);
            levels.map(|level| format!("`{level}`")).collect::<Vec<_>>().join(" or ")
        };
        match written.parse::<Self>() {
            Ok(level) if level >= platform => Ok(level),
            Ok(level) => Err(format!("is `{level}`, which is wider than the platform allows; use {}", allowed())),
            Err(_) => Err(format!("is `{written}`, which is no level of pod security; use {}", allowed())),
        }
    }

    /// The field of an environment that says its level, for messages.
    pub fn field() -> String {
        format!("metadata.annotations[{POD_SECURITY}]")
    }

    /// The labels of a namespace whose pods are held to the level. What would not pass the narrowest level is told to
    /// whoever applies it and written to the audit log.
    pub fn labels(self) -> BTreeMap<String, String> {
        let told = match self {
            Self::Privileged => Self::Privileged,
            Self::Baseline | Self::Restricted => Self::Restricted,
        };
        [("enforce", self), ("warn", told), ("audit", told)]
            .into_iter()
            .map(|(mode, level)| (format!("pod-security.kubernetes.io/{mode}"), level.as_str().to_owned()))
            .collect()
    }
}

impl fmt::Display for PodSecurity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A text that is no level.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no level of pod security; use `privileged`, `baseline` or `restricted`")]
pub struct UnknownLevel(String);

impl FromStr for PodSecurity {
    type Err = UnknownLevel;

    fn from_str(text: &str) -> Result<Self, UnknownLevel> {
        Self::ALL.into_iter().find(|level| level.as_str() == text).ok_or_else(|| UnknownLevel(text.to_owned()))
    }
}
