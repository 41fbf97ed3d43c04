//! Health, readiness and metrics over HTTP.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use openchoreo_core::engine::EngineHandle;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tracing::info;

use crate::{Listen, RunError};

/// Serves what is asked for; the servers end when the set is dropped.
pub(crate) async fn serve(listen: Listen, engine: EngineHandle, registry: Registry) -> Result<JoinSet<()>, RunError> {
    let probes =
        Router::new().route("/healthz", get(|| async { "ok" })).route("/readyz", get(readiness)).with_state(engine);
    let metrics = Router::new().route("/metrics", get(exposition)).with_state(Arc::new(registry));
    let mut servers = JoinSet::new();
    match listen {
        Listen { probes: Some(at), metrics: Some(same) } if at == same => {
            spawn(&mut servers, at, probes.merge(metrics)).await?
        }
        Listen { probes: at_probes, metrics: at_metrics } => {
            for (at, router) in [(at_probes, probes), (at_metrics, metrics)] {
                if let Some(at) = at {
                    spawn(&mut servers, at, router).await?;
                }
            }
        }
    }
    Ok(servers)
}

async fn spawn(servers: &mut JoinSet<()>, address: SocketAddr, router: Router) -> Result<(), RunError> {
    let listener = TcpListener::bind(address).await.map_err(|source| RunError::Listen { address, source })?;
    info!(%address, "listening");
    servers.spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::warn!(%error, "a server of probes or metrics ended");
        }
    });
    Ok(())
}

/// Ready when every watch of the control plane has listed: who does not lead is ready to take over then.
async fn readiness(State(engine): State<EngineHandle>) -> impl IntoResponse {
    let waits_for = engine.waits_for();
    if waits_for.is_empty() {
        (StatusCode::OK, "ok".to_owned())
    } else {
        let text = format!("waiting for the control plane to list {}\n", waits_for.join(", "));
        (StatusCode::SERVICE_UNAVAILABLE, text)
    }
}

async fn exposition(State(registry): State<Arc<Registry>>) -> impl IntoResponse {
    let mut text = String::new();
    match encode(&mut text, &registry) {
        Ok(()) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            (StatusCode::OK, [(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
