//! Serves an empty cluster until it is interrupted: `cargo run -p openchoreo-embedded --features listen --example serve
//! -- ./kubeconfig`, then `kubectl --kubeconfig ./kubeconfig get namespaces`.

use openchoreo_embedded::{Listener, ListenerSettings, Server};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).unwrap_or_else(|| "kubeconfig".to_owned());
    let listener = Listener::start(Server::default(), ListenerSettings::default()).await?;
    listener.admin_kubeconfig("embedded").write(&path)?;
    tracing::info!(url = listener.url(), kubeconfig = path, "serving");
    std::future::pending().await
}
