//! What protects an endpoint at the gateway: whose tokens are let in to what, and how many requests are.

use anyhow::{Context as _, ensure};
use openchoreo_types::v1alpha1::Environment;
use serde_json::{Value, json};

use crate::ground::Ground;
use crate::issuer::Issuer;
use crate::program::Program;
use crate::tenant::{DATA_PLANE, FIRST_ENVIRONMENT, NO_REPOSITORY, Tenant, written};

/// Who issues the tokens that are let in.
const ISSUER: &str = "https://issuer.example.com";

pub(super) async fn policies(ground: &Ground) -> anyhow::Result<()> {
    let tenant = Tenant::new("e2e-protection", "shop");
    let issuer = Issuer::start(ground.lane).await?;
    let program = Program::publish_on(ground.lane, "protection", "let in").await?;
    let repository = program.as_ref().map_or(NO_REPOSITORY, Program::url);
    let endpoint = tenant.settle_from(ground, "web", repository, None).await?;
    tenant.answers(ground, &endpoint, |_| true).await?;
    let url = endpoint.status.as_ref().and_then(|status| status.address.clone()).unwrap_or_default();
    let url = url.trim_end_matches('/');

    let security = json!({ "remoteJwks": { "uri": issuer.url() } });
    let spec = json!({ "dataPlaneRef": DATA_PLANE, "isProduction": false, "gateway": { "security": security } });
    ground.apply(&[written("Environment", &tenant.organization, FIRST_ENVIRONMENT, spec)]).await?;
    ground.ready::<Environment>(&tenant.organization, FIRST_ENVIRONMENT).await?;
    expose(ground, &tenant, json!([tokens()])).await?;

    let claims = |claim: &str, value: Value| {
        let mut claims = json!({ "iss": ISSUER, "aud": "shop", "scope": "items:read" });
        claims[claim] = value;
        Some(claims)
    };
    let good = claims("sub", "somebody".into());
    let cases = [
        ("/items/7", None, 401),
        ("/items/7", claims("exp", 1.into()), 401),
        ("/items/7", claims("iss", "https://other.example.com".into()), 401),
        ("/items/7", claims("aud", "other".into()), 403),
        ("/items/7", claims("scope", "items:write".into()), 403),
        ("/items/7", good.clone(), 200),
        ("/other", good.clone(), 403),
        ("/other", None, 403),
    ];
    for (path, claims, expected) in cases {
        let token = claims.as_ref().map(|claims| issuer.token(claims));
        answers(ground, &format!("{url}{path}"), token.as_deref(), expected).await?;
    }
    // A token that somebody else signed is as good as none.
    let stranger = Issuer::start(ground.lane).await?.token(&good.unwrap_or_default());
    answers(ground, &format!("{url}/items/7"), Some(&stranger), 401).await?;

    let limit = json!({ "requestLimit": 3, "timeUnit": "hour" });
    let limit = json!({ "apiLevel": limit, "operationLevel": { "rest": [] } });
    let limit = json!({ "name": "calm", "type": "rate-limit", "policySpec": { "rateLimit": limit } });
    expose(ground, &tenant, json!([limit])).await?;
    answers(ground, &format!("{url}/items/7"), None, 200).await?;
    answers(ground, &format!("{url}/items/7"), None, 429).await?;

    expose(ground, &tenant, json!([])).await?;
    answers(ground, &format!("{url}/items/7"), None, 200).await?;
    // A host that nobody has is nobody's, at the same gateway.
    let (host, rest) = url.trim_start_matches("https://").split_once('.').context("the host has no domain")?;
    answers(ground, &format!("https://not-{host}.{rest}/items/7"), None, 404).await?;
    tenant.clean_up(ground).await
}

/// One operation, for tokens with its scope.
fn tokens() -> Value {
    let rest = json!({ "claimsToHeaders": [], "operations": [{ "method": "GET", "target": "/items/{id}", "scopes": ["items:read"] }] });
    json!({ "name": "tokens", "type": "oauth2", "policySpec": { "oauth2": { "jwt": {
        "claims": [{ "key": "iss", "values": [ISSUER] }, { "key": "aud", "values": ["shop"] }],
        "authorization": { "apiType": "REST", "rest": rest },
    } } } })
}

/// Publishes the endpoint of the first build with policies.
async fn expose(ground: &Ground, tenant: &Tenant, policies: Value) -> anyhow::Result<()> {
    let visibilities = json!({ "public": { "enable": true, "policies": policies } });
    let place = "/spec/configuration/endpointTemplates/0/spec/networkVisibilities";
    let patch = json!([{ "op": "add", "path": place, "value": visibilities }]);
    tenant.edit_artifact(ground, "web", "first", patch).await
}

/// Waits until a URL answers with a status to whoever has a token.
async fn answers(ground: &Ground, url: &str, token: Option<&str>, expected: u16) -> anyhow::Result<()> {
    ground
        .eventually(&format!("{expected} from {url}"), async || {
            let answer = ground.ask_with(url, token).await?;
            ensure!(answer.status == expected, "it answered {answer:?}");
            Ok(())
        })
        .await
}
