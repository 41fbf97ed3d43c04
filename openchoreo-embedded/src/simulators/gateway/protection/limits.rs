//! Limits on requests, and the counts that they are held against.
//!
//! One proxy is simulated, so limits of each proxy and of all together differ only in when their windows begin: with the
//! first request, or with the unit of time. Windows are counted with the time that the caller gives.

use std::collections::BTreeMap;

use http::StatusCode;
use http::header::HeaderName;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::addresses::AddressRange;
use super::authorization::{PathRule, PathSpec};
use super::{Call, Refused, indifferent_but_for};
use crate::simulators::gateway::matching::TextMatch;

/// Fields of a BackendTrafficPolicy that change how a request is served, and not whether.
const INDIFFERENT: [&str; 19] = [
    "bandwidthLimit",
    "circuitBreaker",
    "compression",
    "compressor",
    "connection",
    "dns",
    "healthCheck",
    "http2",
    "httpUpgrade",
    "loadBalancer",
    "proxyProtocol",
    "requestBuffer",
    "responseOverride",
    "retry",
    "routingType",
    "tcpKeepalive",
    "telemetry",
    "timeout",
    "useClientProtocol",
];
/// How many windows are kept; beyond that those that are over are forgotten.
const WINDOWS: usize = 10_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RateLimitSpec {
    #[serde(rename = "type")]
    kind: Option<Kind>,
    local: Option<RulesSpec>,
    global: Option<RulesSpec>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
enum Kind {
    Local,
    Global,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RulesSpec {
    rules: Option<Vec<RuleSpec>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RuleSpec {
    client_selectors: Option<Vec<SelectorSpec>>,
    limit: LimitSpec,
    shadow_mode: Option<bool>,
    shared: Option<bool>,
    /// Headers that tell the client about the limit.
    #[serde(rename = "xRateLimitHeaders")]
    _headers: Option<IgnoredAny>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitSpec {
    requests: u64,
    unit: Unit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum Unit {
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SelectorSpec {
    headers: Option<Vec<NamedSpec>>,
    query_params: Option<Vec<NamedSpec>>,
    methods: Option<Vec<MethodSpec>>,
    path: Option<PathSpec>,
    #[serde(rename = "sourceCIDR")]
    source: Option<SourceSpec>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NamedSpec {
    #[serde(rename = "type")]
    kind: Option<String>,
    name: String,
    value: Option<String>,
    invert: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MethodSpec {
    value: String,
    invert: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceSpec {
    #[serde(rename = "type")]
    kind: Option<String>,
    value: String,
    invert: Option<bool>,
}

/// The limits of one policy.
#[derive(Debug, Default)]
pub(in super::super) struct Limits {
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    kind: Kind,
    requests: u64,
    seconds: i64,
    is_shadow: bool,
    is_shared: bool,
    conditions: Vec<Condition>,
}

/// What a request must be like for a limit to be for it.
#[derive(Debug)]
enum Condition {
    Header(HeaderName, Comparison),
    Param(String, Comparison),
    /// One of these.
    Methods(Vec<(String, bool)>),
    Path(PathRule),
    Source {
        range: AddressRange,
        is_distinct: bool,
        invert: bool,
    },
}

#[derive(Debug)]
enum Comparison {
    /// Each value has a count of its own.
    Distinct,
    Text {
        text: TextMatch,
        invert: bool,
    },
}

/// Counts of requests, kept from one decision to the next.
///
/// ```
/// let counts = openchoreo_embedded::simulators::gateway::RequestCounts::default();
/// # drop(counts);
/// ```
#[derive(Debug, Clone, Default)]
pub struct RequestCounts {
    windows: BTreeMap<Counted, Window>,
}

/// What is counted together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Counted {
    scope: String,
    kind: Kind,
    rule: usize,
    requests: u64,
    seconds: i64,
    distinct: Vec<String>,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    begin: i64,
    used: u64,
}

/// Where a limit is counted: a limit is for each route by itself, unless it is shared.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scopes<'a> {
    pub(super) route: &'a str,
    pub(super) policy: &'a str,
}

impl Unit {
    fn seconds(self) -> i64 {
        match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3600,
            Self::Day => 86_400,
            Self::Week => 7 * 86_400,
            Self::Month => 30 * 86_400,
            Self::Year => 365 * 86_400,
        }
    }
}

impl Limits {
    /// The limits of a policy's specification.
    pub(in super::super) fn read(spec: &Value) -> Result<Self, String> {
        // What is read here is not left over.
        let known: Vec<&str> = INDIFFERENT.into_iter().chain(["rateLimit"]).collect();
        indifferent_but_for(spec, &known)?;
        let rules = match spec.get("rateLimit").filter(|limit| !limit.is_null()) {
            None => Ok(Vec::new()),
            Some(limit) => {
                RateLimitSpec::deserialize(limit).map_err(|error| error.to_string()).and_then(RateLimitSpec::read)
            }
        };
        Ok(Self { rules: rules.map_err(|problem| format!("rateLimit: {problem}"))? })
    }

    /// Counts a request against every limit that is for it.
    pub(super) fn check(
        &self,
        call: &Call<'_>,
        scopes: Scopes<'_>,
        counts: &mut RequestCounts,
        now: Timestamp,
    ) -> Result<(), Refused> {
        let fitting = |kind| {
            let rules = self.rules.iter().enumerate().filter(move |(_, rule)| rule.kind == kind);
            rules.filter_map(|(index, rule)| Some((index, rule, rule.distinct(call)?))).collect::<Vec<_>>()
        };
        let mut local = fitting(Kind::Local);
        if local.iter().any(|(_, rule, _)| !rule.conditions.is_empty()) {
            // In a proxy, the limit for everybody is only for whom no other is.
            local.retain(|(_, rule, _)| !rule.conditions.is_empty());
        }
        for (index, rule, distinct) in local.into_iter().chain(fitting(Kind::Global)) {
            let scope = if rule.is_shared { scopes.policy } else { scopes.route };
            let counted = Counted {
                scope: scope.to_owned(),
                kind: rule.kind,
                rule: index,
                requests: rule.requests,
                seconds: rule.seconds,
                distinct,
            };
            if !counts.take(counted, now) && !rule.is_shadow {
                let text = if rule.kind == Kind::Local { "local_rate_limited" } else { "" };
                return Err(Refused::new(StatusCode::TOO_MANY_REQUESTS, text));
            }
        }
        Ok(())
    }
}

impl RateLimitSpec {
    fn read(self) -> Result<Vec<Rule>, String> {
        let is_there = match self.kind {
            Some(Kind::Local) => self.local.is_some(),
            Some(Kind::Global) => self.global.is_some(),
            None => self.local.is_some() || self.global.is_some(),
        };
        if !is_there {
            return Err("has no limits of its type".to_owned());
        }
        let mut rules = Vec::new();
        for (kind, specs) in [(Kind::Local, self.local), (Kind::Global, self.global)] {
            for spec in specs.into_iter().flat_map(|spec| spec.rules).flatten() {
                rules.push(spec.read(kind)?);
            }
        }
        let for_everybody = |rule: &&Rule| rule.kind == Kind::Local && rule.conditions.is_empty();
        if rules.iter().filter(for_everybody).count() > 1 {
            return Err("has two local limits for everybody".to_owned());
        }
        Ok(rules)
    }
}

impl RuleSpec {
    fn read(self, kind: Kind) -> Result<Rule, String> {
        let mut conditions = Vec::new();
        for selector in self.client_selectors.unwrap_or_default() {
            selector.read(&mut conditions)?;
        }
        Ok(Rule {
            kind,
            requests: self.limit.requests,
            seconds: self.limit.unit.seconds(),
            is_shadow: self.shadow_mode.unwrap_or(false),
            is_shared: self.shared.unwrap_or(false),
            conditions,
        })
    }
}

impl SelectorSpec {
    fn read(self, conditions: &mut Vec<Condition>) -> Result<(), String> {
        let before = conditions.len();
        for spec in self.headers.unwrap_or_default() {
            let name = spec.name.parse().map_err(|_| format!("`{}` is no name of a header", spec.name))?;
            conditions.push(Condition::Header(name, spec.read()?));
        }
        for spec in self.query_params.unwrap_or_default() {
            conditions.push(Condition::Param(spec.name.clone(), spec.read()?));
        }
        let methods: Vec<_> =
            self.methods.into_iter().flatten().map(|m| (m.value, m.invert.unwrap_or(false))).collect();
        if !methods.is_empty() {
            conditions.push(Condition::Methods(methods));
        }
        if let Some(path) = self.path {
            conditions.push(Condition::Path(path.read()?));
        }
        if let Some(SourceSpec { kind, value, invert }) = self.source {
            let invert = invert.unwrap_or(false);
            let is_distinct = match kind.as_deref() {
                None | Some("Exact") => false,
                Some("Distinct") if !invert => true,
                Some(other) => return Err(format!("a source of type `{other}` is not evaluated")),
            };
            conditions.push(Condition::Source { range: value.parse()?, is_distinct, invert });
        }
        // A selector that selects nobody in particular would make a limit for everybody, or for nobody.
        if conditions.len() == before { Err("a selector asks for nothing".to_owned()) } else { Ok(()) }
    }
}

impl NamedSpec {
    fn read(self) -> Result<Comparison, String> {
        let invert = self.invert.unwrap_or(false);
        if self.kind.as_deref() == Some("Distinct") {
            return if invert {
                Err(format!("`{}` cannot be distinct and inverted", self.name))
            } else {
                Ok(Comparison::Distinct)
            };
        }
        let value = self.value.ok_or_else(|| format!("`{}` has no value to compare with", self.name))?;
        Ok(Comparison::Text { text: TextMatch::new(self.kind.as_deref(), &value)?, invert })
    }
}

impl Comparison {
    /// Whether a value fits, with what sets it apart; a value that is absent is not what it is compared with.
    fn fits(&self, value: Option<String>) -> Option<Option<String>> {
        match self {
            Self::Distinct => value.map(Some),
            Self::Text { text, invert } => (value.is_some_and(|value| text.matches(&value)) != *invert).then_some(None),
        }
    }
}

impl Condition {
    fn fits(&self, call: &Call<'_>) -> Option<Option<String>> {
        match self {
            Self::Header(name, comparison) => comparison.fits(call.header(name)),
            Self::Param(name, comparison) => comparison.fits(call.param(name)),
            Self::Methods(methods) => {
                let fits = |(method, invert): &(String, bool)| (method == call.method.as_str()) != *invert;
                methods.iter().any(fits).then_some(None)
            }
            Self::Path(path) => path.fits(call).then_some(None),
            Self::Source { range, is_distinct, invert } => (range.contains(call.client) != *invert)
                .then(|| is_distinct.then(|| call.client.to_canonical().to_string())),
        }
    }
}

impl Rule {
    /// What sets the request apart from others with the same limit; nothing where the limit is not for it.
    fn distinct(&self, call: &Call<'_>) -> Option<Vec<String>> {
        let each: Option<Vec<_>> = self.conditions.iter().map(|condition| condition.fits(call)).collect();
        Some(each?.into_iter().flatten().collect())
    }
}

impl RequestCounts {
    /// Counts one request, and says whether it is within the limit.
    fn take(&mut self, counted: Counted, now: Timestamp) -> bool {
        let now = now.as_second();
        if self.windows.len() >= WINDOWS && !self.windows.contains_key(&counted) {
            self.windows.retain(|counted, window| now.saturating_sub(window.begin) < counted.seconds);
        }
        let (seconds, requests) = (counted.seconds, counted.requests);
        let begin = match counted.kind {
            Kind::Local => now,
            Kind::Global => now.saturating_sub(now.rem_euclid(seconds)),
        };
        let window = self.windows.entry(counted).or_insert(Window { begin, used: 0 });
        let passed = now.saturating_sub(window.begin);
        if passed >= seconds {
            // Whole windows pass, so that the next one begins where it would have begun without a pause.
            *window = Window { begin: now.saturating_sub(passed.rem_euclid(seconds)), used: 0 };
        }
        let is_within = window.used < requests;
        window.used = window.used.saturating_add(u64::from(is_within));
        is_within
    }
}
