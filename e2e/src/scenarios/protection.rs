//! What protects an endpoint: tokens with scopes, asked for at the gateway.

use anyhow::ensure;
use openchoreo_types::v1alpha1::Environment;
use serde_json::{Value, json};

use crate::ground::Ground;
use crate::issuer::Issuer;
use crate::tenant::{DATA_PLANE, FIRST_ENVIRONMENT, Tenant, written};

pub(super) async fn tokens(ground: &Ground) -> anyhow::Result<()> {
    let tenant = Tenant::new("e2e-protection", "shop");
    let issuer = Issuer::start().await?;
    let endpoint = tenant.settle(ground, "web", None).await?;
    tenant.answers(ground, &endpoint, |_| true).await?;
    let url = endpoint.status.as_ref().and_then(|status| status.address.clone()).unwrap_or_default();
    let url = url.trim_end_matches('/');

    let security = json!({ "remoteJwks": { "uri": issuer.url() } });
    let spec = json!({ "dataPlaneRef": DATA_PLANE, "isProduction": false, "gateway": { "security": security } });
    ground.apply(&[written("Environment", &tenant.organization, FIRST_ENVIRONMENT, spec)]).await?;
    ground.ready::<Environment>(&tenant.organization, FIRST_ENVIRONMENT).await?;
    expose(ground, &tenant, json!([policy()])).await?;

    let (read, stale) = (json!({ "aud": "shop", "scope": "items:read" }), json!({ "aud": "shop", "exp": 1 }));
    let cases = [
        ("/items/7", None, 401),
        ("/items/7", Some(stale), 401),
        ("/items/7", Some(json!({ "aud": "other", "scope": "items:read" })), 403),
        ("/items/7", Some(json!({ "aud": "shop", "scope": "items:write" })), 403),
        ("/items/7", Some(read.clone()), 200),
        ("/other", Some(read), 403),
        ("/other", None, 403),
    ];
    for (path, claims, expected) in cases {
        let token = claims.as_ref().map(|claims| issuer.token(claims));
        answers(ground, &format!("{url}{path}"), token.as_deref(), expected).await?;
    }
    // A token that somebody else signed is as good as none.
    let stranger = Issuer::start().await?.token(&json!({ "aud": "shop", "scope": "items:read" }));
    answers(ground, &format!("{url}/items/7"), Some(&stranger), 401).await?;

    expose(ground, &tenant, json!([])).await?;
    answers(ground, &format!("{url}/items/7"), None, 200).await?;
    tenant.clean_up(ground).await
}

/// One operation, for tokens with its scope.
fn policy() -> Value {
    let rest = json!({ "claimsToHeaders": [], "operations": [{ "method": "GET", "target": "/items/{id}", "scopes": ["items:read"] }] });
    json!({ "name": "tokens", "type": "oauth2", "policySpec": { "oauth2": { "jwt": {
        "claims": [{ "key": "aud", "values": ["shop"] }],
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
