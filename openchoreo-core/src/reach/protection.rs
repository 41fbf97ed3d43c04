//! What a request must hold to be let in.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use super::Unclear;

/// Under which protection requests are let in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Protection {
    /// No request is let in.
    Closed,
    /// Those that meet each of these are; all requests, where there is none.
    Demands(BTreeSet<Demand>),
}

/// One thing that a request must hold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Demand {
    /// A valid token of one of these issuers.
    Token(BTreeSet<Issuer>),
    /// To satisfy one of these rules.
    OneOf(BTreeSet<Rule>),
    /// An API key that one of these Secrets holds.
    ApiKey(BTreeSet<String>),
    /// A user name and a password that a Secret holds.
    Password(String),
    /// Something that is not understood. It may be nothing at all.
    Unclear(Unclear),
}

/// Whose tokens are valid.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Issuer {
    /// Where the keys are published that tokens are checked with.
    pub keys: String,
    /// The issuer that a token must name; nothing for any.
    pub issuer: Option<String>,
    /// Whom it must be for, one of these; empty for anybody.
    pub audiences: BTreeSet<String>,
}

/// What lets a request in, all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Rule {
    /// Where it comes from, one of these ranges; empty for anywhere.
    pub addresses: BTreeSet<String>,
    /// Whose token it must hold, where scopes or claims are asked for.
    pub issuer: Option<Issuer>,
    /// Scopes of its token, all of them.
    pub scopes: BTreeSet<String>,
    /// Claims of its token, each with the values of which it must have one.
    pub claims: BTreeMap<String, BTreeSet<String>>,
}

impl Protection {
    /// Everybody is let in.
    pub const fn none() -> Self {
        Self::Demands(BTreeSet::new())
    }

    /// It is not understood who is let in.
    pub fn unclear(what: Unclear) -> Self {
        Self::Demands(BTreeSet::from([Demand::Unclear(what)]))
    }

    /// Whether everybody is let in.
    pub fn is_none(&self) -> bool {
        matches!(self, Self::Demands(demands) if demands.is_empty())
    }

    /// Whether each request that the other lets in is certainly let in here.
    pub fn admits_all_of(&self, other: &Self) -> bool {
        match (self, other) {
            (_, Self::Closed) => true,
            (Self::Closed, Self::Demands(_)) => false,
            (Self::Demands(own), Self::Demands(others)) => {
                own.iter().all(|demand| others.iter().any(|stricter| demand.is_met_by_all_of(stricter)))
            }
        }
    }
}

impl Demand {
    /// Whether what meets the other certainly meets this.
    fn is_met_by_all_of(&self, stricter: &Self) -> bool {
        match (self, stricter) {
            (Self::Token(own), Self::Token(others)) => {
                others.iter().all(|other| own.iter().any(|one| one.takes_all_of(other)))
            }
            (Self::OneOf(own), Self::OneOf(others)) => {
                others.iter().all(|other| own.iter().any(|rule| rule.lets_in_all_of(other)))
            }
            (Self::ApiKey(own), Self::ApiKey(others)) => others.is_subset(own),
            _ => self == stricter,
        }
    }
}

impl Issuer {
    fn takes_all_of(&self, other: &Self) -> bool {
        let is_for_all =
            self.audiences.is_empty() || (!other.audiences.is_empty() && other.audiences.is_subset(&self.audiences));
        self.keys == other.keys && (self.issuer.is_none() || self.issuer == other.issuer) && is_for_all
    }
}

impl Rule {
    fn lets_in_all_of(&self, other: &Self) -> bool {
        let has_claim = |(name, values): (&String, &BTreeSet<String>)| {
            other.claims.get(name).is_some_and(|narrower| narrower.is_subset(values))
        };
        let is_from_anywhere =
            self.addresses.is_empty() || (!other.addresses.is_empty() && other.addresses.is_subset(&self.addresses));
        let is_issuer = match (&self.issuer, &other.issuer) {
            (None, _) => true,
            (Some(own), Some(other)) => own.takes_all_of(other),
            (Some(_), None) => false,
        };
        is_from_anywhere && is_issuer && self.scopes.is_subset(&other.scopes) && self.claims.iter().all(has_claim)
    }
}

/// Names in backticks, with a word before the last.
fn listed<'t>(texts: impl IntoIterator<Item = &'t String>, word: &str) -> String {
    let quoted: Vec<String> = texts.into_iter().map(|text| format!("`{text}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, before)) => format!("{} {word} {last}", before.join(", ")),
        None => String::new(),
    }
}

impl fmt::Display for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("not at all"),
            Self::Demands(demands) if demands.is_empty() => f.write_str("without a token or key"),
            Self::Demands(demands) => {
                for (index, demand) in demands.iter().enumerate() {
                    write!(f, "{}{demand}", if index == 0 { "" } else { " and " })?;
                }
                Ok(())
            }
        }
    }
}

impl fmt::Display for Demand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let any_of = |texts: Vec<String>| texts.join(", or ");
        match self {
            Self::Token(issuers) => write!(f, "with {}", any_of(issuers.iter().map(ToString::to_string).collect())),
            Self::OneOf(rules) => f.write_str(&any_of(rules.iter().map(ToString::to_string).collect())),
            Self::ApiKey(secrets) => write!(f, "with an API key of Secret {}", listed(secrets, "or")),
            Self::Password(secret) => write!(f, "with a password of Secret `{secret}`"),
            Self::Unclear(unclear) => write!(f, "under a protection that is not understood: {}", unclear.what),
        }
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a token signed with the keys at `{}`", self.keys)?;
        if let Some(issuer) = &self.issuer {
            write!(f, ", issued by `{issuer}`")?;
        }
        if !self.audiences.is_empty() {
            write!(f, ", for {}", listed(&self.audiences, "or"))?;
        }
        Ok(())
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if !self.addresses.is_empty() {
            parts.push(format!("from {}", listed(&self.addresses, "or")));
        }
        if !self.scopes.is_empty() {
            parts.push(format!("with scope {}", listed(&self.scopes, "and")));
        }
        if let (Some(issuer), true, true) = (&self.issuer, self.scopes.is_empty(), self.claims.is_empty()) {
            parts.push(format!("with {issuer}"));
        }
        parts.extend(self.claims.iter().map(|(name, values)| format!("with claim `{name}` {}", listed(values, "or"))));
        f.write_str(&parts.join(" and "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(texts: &[&str]) -> BTreeSet<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    fn one_of(rule: Rule) -> Protection {
        Protection::Demands(BTreeSet::from([Demand::OneOf(BTreeSet::from([rule]))]))
    }

    #[test]
    fn a_protection_admits_all_of_a_stricter_one_and_of_no_other() {
        let scopes = |scopes: &[&str]| one_of(Rule { scopes: set(scopes), ..Rule::default() });
        let claim = |values: &[&str]| {
            one_of(Rule { claims: BTreeMap::from([("tier".to_owned(), set(values))]), ..Rule::default() })
        };
        let from = |addresses: &[&str]| one_of(Rule { addresses: set(addresses), ..Rule::default() });
        let token = |issuer: Option<&str>, audiences: &[&str]| {
            let issuer = Issuer { keys: "k".to_owned(), issuer: issuer.map(str::to_owned), audiences: set(audiences) };
            Protection::Demands(BTreeSet::from([Demand::Token(BTreeSet::from([issuer]))]))
        };
        let keys = |secrets: &[&str]| Protection::Demands(BTreeSet::from([Demand::ApiKey(set(secrets))]));
        let ordered = [
            (Protection::none(), scopes(&["a"])),
            (scopes(&["a"]), Protection::Closed),
            (scopes(&["a"]), scopes(&["a", "b"])),
            (claim(&["gold", "silver"]), claim(&["gold"])),
            (from(&["10.0.0.0/8", "11.0.0.0/8"]), from(&["10.0.0.0/8"])),
            (token(None, &[]), token(Some("i"), &["x"])),
            (token(None, &["x", "y"]), token(None, &["x"])),
            (keys(&["a", "b"]), keys(&["a"])),
            (Protection::none(), Protection::unclear(Unclear::new("it", "text"))),
        ];
        for (weaker, stricter) in ordered {
            assert!(weaker.admits_all_of(&stricter) && weaker.admits_all_of(&weaker), "{weaker} / {stricter}");
            assert!(!stricter.admits_all_of(&weaker), "{stricter} / {weaker}");
        }
        let unclear = |text: &str| Protection::unclear(Unclear::new("it", text));
        assert!(unclear("a").admits_all_of(&unclear("a")) && !unclear("a").admits_all_of(&unclear("b")));
        assert!(!unclear("a").admits_all_of(&scopes(&["a"])), "what is not understood may be strict too");
        assert!(!token(None, &["x"]).admits_all_of(&token(None, &[])));
    }
}
