//! Keys in the secret store: what may be one, and below which path those of a component must be.
//!
//! All workloads of a plane read the store in one role, so what a group of one organization may name there is decided
//! here. A key that could mean another path than it reads like is refused everywhere; a prefix is chosen by the
//! installation.

use std::fmt;
use std::str::FromStr;

use openchoreo_core::naming::{CellId, NameError};

const WHAT: &str = "vault prefix";
const RULE: &str = "a path such as `secret/data/{organization}/{environment}`, with at most one of `{organization}`, `{project}` and `{environment}` in each segment";

/// The path that keys must be below, by organization, project and environment.
///
/// ```
/// use openchoreo_core::naming::CellId;
/// use openchoreo_dataplane::parts::vault::VaultPrefix;
///
/// let prefix: VaultPrefix = "secret/data/{organization}/{environment}".parse()?;
/// assert_eq!(prefix.of(&CellId::new("acme", "shop", "production")), "secret/data/acme/production");
/// assert!("secret/{organization}-{environment}".parse::<VaultPrefix>().is_err());
/// # Ok::<(), openchoreo_core::naming::NameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultPrefix {
    segments: Vec<Segment>,
}

/// A segment: text around at most one name.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Segment {
    before: String,
    name: Option<Name>,
    after: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Name {
    Organization,
    Project,
    Environment,
}

impl Name {
    const ALL: [(&'static str, Self); 3] =
        [("organization", Self::Organization), ("project", Self::Project), ("environment", Self::Environment)];

    fn of<'a>(self, cell: &CellId<'a>) -> &'a str {
        match self {
            Self::Organization => cell.organization,
            Self::Project => cell.project,
            Self::Environment => cell.environment,
        }
    }
}

impl Segment {
    fn read(text: &str) -> Option<Self> {
        let plain = |text: &str| text.to_owned();
        let Some((before, rest)) = text.split_once('{') else {
            return (!text.contains('}')).then(|| Self { before: plain(text), name: None, after: String::new() });
        };
        let (named, after) = rest.split_once('}')?;
        let (_, name) = Name::ALL.into_iter().find(|(known, _)| *known == named)?;
        let is_plain = !before.contains('}') && !after.contains(['{', '}']);
        is_plain.then(|| Self { before: plain(before), name: Some(name), after: plain(after) })
    }

    /// The segment in a cell. A project without a name stands for every one.
    fn of(&self, cell: &CellId<'_>) -> String {
        let name = self.name.map(|name| name.of(cell)).unwrap_or_default();
        let name = if self.is_open(cell) { "{project}" } else { name };
        format!("{}{name}{}", self.before, self.after)
    }

    fn is_open(&self, cell: &CellId<'_>) -> bool {
        self.name == Some(Name::Project) && cell.project.is_empty()
    }

    fn matches(&self, cell: &CellId<'_>, segment: &str) -> bool {
        if self.is_open(cell) {
            let inner = segment.strip_prefix(&self.before).and_then(|rest| rest.strip_suffix(&self.after));
            return inner.is_some_and(|name| !name.is_empty());
        }
        self.of(cell) == segment
    }
}

impl VaultPrefix {
    /// The path in a cell.
    pub fn of(&self, cell: &CellId<'_>) -> String {
        self.segments.iter().map(|segment| segment.of(cell)).collect::<Vec<_>>().join("/")
    }

    /// Checks that a key is below the path of a cell. A cell without a project is that of a group which several projects
    /// may use: its keys may be those of any one.
    ///
    /// # Errors
    /// Where it should be.
    pub fn check(&self, cell: &CellId<'_>, key: &str) -> Result<(), String> {
        let mut rest = key.split('/');
        let is_inside = self.segments.iter().all(|wanted| rest.next().is_some_and(|found| wanted.matches(cell, found)));
        if is_inside && rest.next().is_some() {
            return Ok(());
        }
        let (path, environment) = (self.of(cell), cell.environment);
        Err(format!("`{key}` is outside of `{path}`, which keys for environment `{environment}` must be below"))
    }
}

impl FromStr for VaultPrefix {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty { what: WHAT });
        }
        let invalid = || NameError::Invalid { what: WHAT, value: text.to_owned(), rule: RULE };
        check_key(text).map_err(|_| invalid())?;
        let segments = text.split('/').map(Segment::read).collect::<Option<Vec<_>>>().ok_or_else(invalid)?;
        Ok(Self { segments })
    }
}

impl fmt::Display for VaultPrefix {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = CellId::new("{organization}", "{project}", "{environment}");
        formatter.write_str(&self.of(&names))
    }
}

/// Checks that a key reads like the one path that it means, for every program that it is handed through.
///
/// # Errors
/// What is wrong.
pub fn check_key(key: &str) -> Result<(), String> {
    if key.is_empty() {
        return Err("is empty; give the path of the secret in the store".to_owned());
    }
    if let Some(wrong) = key.chars().find(|c| c.is_control() || c.is_whitespace() && *c != ' ' || "%?#\\*".contains(*c))
    {
        return Err(format!("{key:?} holds {wrong:?}, which the path of a secret may not hold"));
    }
    match key.split('/').find(|segment| matches!(segment.trim(), "" | "." | "..")) {
        Some(segment) => Err(format!(
            "`{key}` has the segment `{segment}`; write it without `//`, `.` and `..`, and without `/` at its ends"
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn prefix(text: &str) -> VaultPrefix {
        text.parse().expect("a prefix")
    }

    #[test]
    fn keys_that_could_escape_are_refused() {
        for good in ["secret/test/redis/password", "kv", "secret/data/a.b/c_d-e", "secret/data/ä", "secret/dev: key"] {
            assert_eq!(check_key(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "/",
            "/secret",
            "secret/",
            "a//b",
            "a/../b",
            "..",
            "a/./b",
            "a/%2e%2e/b",
            "a/ ../b",
            "a\tb",
            "a\nb",
            "a?b",
            "a#b",
            "a\\..\\b",
            "a\u{0}b",
            "a*",
        ] {
            assert!(check_key(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_prefix_confines_to_a_cell() {
        let cell = CellId::new("acme", "shop", "development");
        let by_environment = prefix("secret/data/{organization}/{environment}");
        for (key, is_inside) in [
            ("secret/data/acme/development/db", true),
            ("secret/data/acme/development/db/password", true),
            ("secret/data/acme/development", false),
            ("secret/data/acme/production/db", false),
            ("secret/data/acme-web/development/db", false),
            ("secret/data/globex/development/db", false),
            ("other/data/acme/development/db", false),
            ("secret", false),
        ] {
            assert_eq!(by_environment.check(&cell, key).is_ok(), is_inside, "{key}");
        }
        let any_project = CellId::new("acme", "", "development");
        let by_project = prefix("kv/{organization}/p-{project}/{environment}");
        assert!(by_project.check(&any_project, "kv/acme/p-shop/development/db").is_ok());
        assert!(by_project.check(&any_project, "kv/acme/p-/development/db").is_err());
        assert!(by_project.check(&cell, "kv/acme/p-bank/development/db").is_err());
        assert_eq!(by_project.to_string(), "kv/{organization}/p-{project}/{environment}");
        for bad in ["", "/", "a/{tenant}", "a/{organization", "a/organization}", "{organization}{project}", "a/../b"] {
            assert!(bad.parse::<VaultPrefix>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_key_of_one_cell_is_in_another(
            one in proptest::array::uniform3("[a-z][a-z.-]{0,6}[a-z]"),
            other in proptest::array::uniform3("[a-z][a-z.-]{0,6}[a-z]"),
            key in "[a-z./-]{1,12}",
        ) {
            let prefix = prefix("s/{organization}/x-{project}/{environment}");
            let [one, other] = [&one, &other].map(|[o, p, e]| CellId::new(o, p, e));
            let key = format!("{}/{key}", prefix.of(&one));
            if check_key(&key).is_ok() {
                prop_assert!(prefix.check(&one, &key).is_ok());
                prop_assert_eq!(prefix.check(&other, &key).is_ok(), one == other);
            }
        }
    }
}
