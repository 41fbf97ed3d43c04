//! The organization of [`population`], planned to rest without a cluster or a network.

use std::sync::Arc;

use jiff::Timestamp;
use openchoreo_core::kind::PlaneKey;
use openchoreo_core::offline::Offline;
use openchoreo_core::platform::Platform;

use crate::population;

/// The data plane of the population.
pub fn data_plane() -> PlaneKey {
    PlaneKey::data_plane(population::ORGANIZATION, population::DATA_PLANE)
}

/// A run at rest that holds a number of components.
///
/// # Errors
/// The population is not what the platform takes.
pub fn settled(platform: &Arc<Platform>, components: usize) -> anyhow::Result<Offline> {
    let mut offline = Offline::new(platform, Timestamp::UNIX_EPOCH);
    offline.connect(&data_plane());
    let mut documents = population::organization();
    documents.push(population::data_plane());
    documents.extend(population::projects(components));
    for document in documents {
        offline.apply(document)?;
    }
    offline.settle()?;
    for number in 0..components {
        for document in population::component(number) {
            offline.apply(document)?;
        }
        // In portions, as they would come from people.
        offline.settle()?;
    }
    Ok(offline)
}
