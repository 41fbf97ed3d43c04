//! A program with clients of all planes, without the engine: it prints the namespaces of each cluster once.
//!
//! Run it with `cargo run -p openchoreo-examples --bin plane_clients`; the planes are embedded API servers. Against a
//! real control plane, a client of it takes the place of the stage's. The clients follow their registrations: rotated
//! credentials reach them, and they close when a plane is unregistered.

#![expect(clippy::print_stdout, reason = "an example prints")]

use std::collections::BTreeSet;

use choreoctl::stage::{Stage, StageSettings};
use kube::{Api, ResourceExt};
use openchoreo_build::ArgoSettings;
use openchoreo_core::client::{PlaneClients, PlaneClientsSettings, PlaneHealth, PlaneHosts};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let platform = controller_manager::default_platform(ArgoSettings::default()).build()?;
    let stage = Stage::set(StageSettings::in_folder(folder.path()), platform).await?;
    for organization in ["acme", "globex"] {
        stage.register_data_plane(organization).await?;
    }

    // Embedded planes listen on loopback, which planes may not do by default.
    let settings = PlaneClientsSettings { hosts: PlaneHosts::with_loopback(), ..PlaneClientsSettings::default() };
    let planes = PlaneClients::new(stage.control.clone(), settings);
    let following = tokio::spawn({
        let planes = planes.clone();
        async move { planes.run(std::future::pending()).await }
    });
    let is_connected = |health: &PlaneHealth| matches!(health, PlaneHealth::Connected { .. });
    planes.changes().wait_for(|all| all.len() == 2 && all.values().all(|plane| is_connected(plane.health()))).await?;

    let mut clusters = BTreeSet::new();
    for plane in planes.list() {
        let name = format!("{}/{}", plane.plane().namespace, plane.plane().name);
        if !clusters.insert(plane.cluster().map(str::to_owned)) {
            println!("{name}: a cluster that is listed already");
            continue;
        }
        let Some(client) = plane.client() else { continue };
        let namespaces = Api::<k8s_openapi::api::core::v1::Namespace>::all(client).list(&Default::default()).await?;
        println!("{name}: {}", namespaces.iter().map(ResourceExt::name_any).collect::<Vec<_>>().join(", "));
    }
    following.abort();
    stage.strike().await;
    Ok(())
}
