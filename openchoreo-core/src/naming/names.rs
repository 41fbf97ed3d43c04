//! Validated names: text that obeys the rule of the place it will be written to.
//!
//! Each type is made by parsing (`FromStr`, `TryFrom`, `Deserialize`), so whoever holds one need not check again. The
//! rules are those of Kubernetes and of DNS. Making names out of identities is not done here: see
//! [`scheme`](super::scheme).

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::hash::digest16;

/// The greatest length of a DNS label, and of what Kubernetes stores as one (namespaces, Services, label values).
pub const LABEL_LIMIT: usize = 63;
/// The greatest length of a DNS name, and of most Kubernetes object names.
pub const SUBDOMAIN_LIMIT: usize = 253;
/// The greatest length of a CronJob's name: the CronJob controller appends 11 characters to name its Jobs, and those
/// must still be labels.
pub const CRON_JOB_LIMIT: usize = 52;

/// Why a text is not, or cannot be made into, a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// There is no text to make a name of.
    #[error("{what} is empty, it needs at least one character")]
    Empty {
        /// What the text was for.
        what: &'static str,
    },
    /// The text is longer than its place allows.
    #[error("{what} `{value}` has {actual} bytes, at most {limit} are allowed")]
    TooLong {
        /// What the text was for.
        what: &'static str,
        /// The refused text.
        value: String,
        /// The greatest length in bytes.
        limit: usize,
        /// The length of the text in bytes.
        actual: usize,
    },
    /// The text has characters, or characters in places, that the rule does not allow.
    #[error("{what} `{value}` is not valid, it must be {rule}")]
    Invalid {
        /// What the text was for.
        what: &'static str,
        /// The refused text.
        value: String,
        /// What would be right.
        rule: &'static str,
    },
    /// The limit leaves no room for a digest and a character of each part.
    #[error("no {what} fits in {limit} bytes, it needs at least {needed}")]
    LimitTooSmall {
        /// What was to be named.
        what: &'static str,
        /// The limit in bytes.
        limit: usize,
        /// The least number of bytes that would do.
        needed: usize,
    },
    /// The scheme needs a setting that is not there.
    #[error("{what} of `{value}` cannot be made without {setting}")]
    Missing {
        /// What was to be named.
        what: &'static str,
        /// For whom.
        value: String,
        /// The setting that is missing.
        setting: &'static str,
    },
}

const LABEL_RULE: &str = "lower-case ASCII letters, digits and `-`, with a letter or digit at both ends";
const SUBDOMAIN_RULE: &str =
    "lower-case ASCII letters, digits, `-` and `.`, with a letter or digit at both ends of each dotted piece";
const HOSTNAME_RULE: &str = "DNS labels of at most 63 bytes joined by `.`: lower-case ASCII letters, digits and `-`, \
                             with a letter or digit at both ends of each";
const LABEL_VALUE_RULE: &str = "empty, or ASCII letters, digits, `-`, `_` and `.`, with a letter or digit at both ends";

const LABEL_KEY_RULE: &str = "at most 63 ASCII letters, digits, `-`, `_` and `.`, with a letter or digit at both ends, behind a DNS name and `/` where wanted";

fn is_label_text(text: &str) -> bool {
    let edge = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    bytes.first().is_some_and(edge)
        && bytes.last().is_some_and(edge)
        && bytes.iter().all(|byte| edge(byte) || *byte == b'-')
}

fn is_label_value_text(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.first().is_none_or(u8::is_ascii_alphanumeric)
        && bytes.last().is_none_or(u8::is_ascii_alphanumeric)
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

fn is_label_key_text(text: &str) -> bool {
    let (prefix, name) = text.split_once('/').map_or((None, text), |(prefix, name)| (Some(prefix), name));
    prefix.is_none_or(|prefix| prefix.len() <= SUBDOMAIN_LIMIT && is_subdomain_text(prefix))
        && (1..=LABEL_LIMIT).contains(&name.len())
        && is_label_value_text(name)
}

fn is_subdomain_text(text: &str) -> bool {
    text.split('.').all(is_label_text)
}

fn is_hostname_text(text: &str) -> bool {
    text.split('.').all(|label| label.len() <= LABEL_LIMIT && is_label_text(label))
}

/// Checks a text against a limit and a rule; the checks of all the types below.
fn check(
    what: &'static str,
    value: &str,
    limit: usize,
    rule: &'static str,
    obeys: fn(&str) -> bool,
) -> Result<(), NameError> {
    if value.len() > limit {
        return Err(NameError::TooLong { what, value: value.to_owned(), limit, actual: value.len() });
    }
    if obeys(value) {
        Ok(())
    } else if value.is_empty() {
        Err(NameError::Empty { what })
    } else {
        Err(NameError::Invalid { what, value: value.to_owned(), rule })
    }
}

macro_rules! validated_name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $limit:expr, $rule:expr, $obeys:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The greatest length in bytes.
            pub const LIMIT: usize = $limit;

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The name as text, given away.
            pub fn into_string(self) -> String {
                self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(value: String) -> Result<Self, NameError> {
                check($what, &value, $limit, $rule, $obeys)?;
                Ok(Self(value))
            }
        }

        impl TryFrom<&str> for $name {
            type Error = NameError;

            fn try_from(value: &str) -> Result<Self, NameError> {
                value.parse()
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(value: &str) -> Result<Self, NameError> {
                value.to_owned().try_into()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        // Equality, order and hash are those of the text, so a map keyed by the name can be asked with a `&str`.
        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

validated_name!(
    /// One DNS label: at most 63 bytes of `a-z`, `0-9` and `-`, no `-` at either end.
    DnsLabel, "DNS label", LABEL_LIMIT, LABEL_RULE, is_label_text
);
validated_name!(
    /// A DNS subdomain as Kubernetes reads it: at most 253 bytes, pieces joined by `.`, whose own length is not limited.
    DnsSubdomain, "DNS subdomain", SUBDOMAIN_LIMIT, SUBDOMAIN_RULE, is_subdomain_text
);
validated_name!(
    /// The name of a namespace.
    ///
    /// ```
    /// use openchoreo_core::naming::NamespaceName;
    ///
    /// assert!("dp-acme-shop".parse::<NamespaceName>().is_ok());
    /// assert!("dp.acme".parse::<NamespaceName>().is_err());
    /// ```
    NamespaceName, "namespace name", LABEL_LIMIT, LABEL_RULE, is_label_text
);
validated_name!(
    /// The name of an object. Kinds with a tighter rule (Services, CronJobs) get theirs from the scheme.
    ResourceName, "object name", SUBDOMAIN_LIMIT, SUBDOMAIN_RULE, is_subdomain_text
);
validated_name!(
    /// A whole DNS name: at most 253 bytes, each label at most 63.
    Hostname, "hostname", SUBDOMAIN_LIMIT, HOSTNAME_RULE, is_hostname_text
);
validated_name!(
    /// The value of a Kubernetes label: at most 63 bytes, may be empty.
    LabelValue, "label value", LABEL_LIMIT, LABEL_VALUE_RULE, is_label_value_text
);

validated_name!(
    /// The key of a Kubernetes label or annotation: a name, behind a DNS name and `/` where it has one.
    LabelKey, "label key", SUBDOMAIN_LIMIT + 1 + LABEL_LIMIT, LABEL_KEY_RULE, is_label_key_text
);

impl LabelValue {
    /// A text as the value of a label, the one way in which names of objects become labels: itself where it can be one,
    /// else its readable beginning and a digest of all of it. No two texts become one value.
    ///
    /// ```
    /// use openchoreo_core::naming::LabelValue;
    ///
    /// assert_eq!(LabelValue::of("shop").as_str(), "shop");
    /// assert!(LabelValue::of("Café des Amis").as_str().starts_with("Caf--des-Amis-"));
    /// assert_ne!(LabelValue::of(&"x".repeat(100)), LabelValue::of(&"x".repeat(101)));
    /// ```
    pub fn of(text: &str) -> Self {
        // What reads like a value that was made is made one too, lest somebody chooses the value of another text.
        let is_made = text.rsplit('-').next().is_some_and(is_digest);
        if !is_made && let Ok(value) = Self::try_from(text) {
            return value;
        }
        let readable: String = text.chars().map(in_label_value).take(LABEL_LIMIT - DIGEST - 1).collect();
        let readable = readable.trim_matches(|edge: char| !edge.is_ascii_alphanumeric());
        let digest = digest16(&[text]);
        Self(if readable.is_empty() { digest } else { format!("{readable}-{digest}") })
    }
}

/// The number of digits that tell texts apart which cannot be read in full.
const DIGEST: usize = 16;

fn is_digest(text: &str) -> bool {
    text.len() == DIGEST && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

fn in_label_value(character: char) -> char {
    if character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.') { character } else { '-' }
}

impl From<DnsLabel> for NamespaceName {
    fn from(label: DnsLabel) -> Self {
        Self(label.0)
    }
}

impl From<DnsLabel> for ResourceName {
    fn from(label: DnsLabel) -> Self {
        Self(label.0)
    }
}

impl From<DnsSubdomain> for ResourceName {
    fn from(subdomain: DnsSubdomain) -> Self {
        Self(subdomain.0)
    }
}
