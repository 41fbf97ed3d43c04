//! What people see of the platform's work, by watches of their own.

use std::collections::HashSet;

use anyhow::Context as _;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::Api;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{Config, Error, Event, watcher};
use kube::{Client, ResourceExt as _};
use openchoreo_types::PlatformKind as _;
use openchoreo_types::v1alpha1::Endpoint;

use crate::site::PATIENCE;

type Events<K> = BoxStream<'static, Result<Event<K>, Error>>;

/// How many objects of a kind satisfy a condition.
pub(crate) struct Satisfied<K> {
    events: Events<K>,
    is_satisfied: fn(&K) -> bool,
    keys: HashSet<(Option<String>, String)>,
}

/// The Endpoints that are Ready.
pub(crate) fn ready_endpoints(control: Client) -> Satisfied<Endpoint> {
    Satisfied::of(events(control), |endpoint: &Endpoint| endpoint.condition("Ready").is_some_and(is_true))
}

/// The Deployments of a data plane that are available.
pub(crate) fn available_deployments(data: Client) -> Satisfied<Deployment> {
    Satisfied::of(events(data), |deployment: &Deployment| {
        let conditions = deployment.status.as_ref().and_then(|status| status.conditions.as_ref());
        conditions.into_iter().flatten().any(|found| found.type_ == "Available" && found.status == "True")
    })
}

/// Whether a condition of the platform is met.
pub(crate) fn is_true(condition: &Condition) -> bool {
    condition.status == "True"
}

impl<K: kube::Resource> Satisfied<K> {
    fn of(events: Events<K>, is_satisfied: fn(&K) -> bool) -> Self {
        Self { events, is_satisfied, keys: HashSet::new() }
    }

    /// Waits until a number of objects satisfies the condition.
    pub(crate) async fn reach(&mut self, wanted: usize) -> anyhow::Result<()> {
        let reached = async {
            while self.keys.len() < wanted {
                // The watch tries again after an error.
                if let Ok(event) = self.events.next().await.context("a watch ended")? {
                    self.note(event);
                }
            }
            anyhow::Ok(())
        };
        match tokio::time::timeout(PATIENCE, reached).await {
            Ok(reached) => reached,
            Err(_) => anyhow::bail!("{} of {wanted} after {PATIENCE:?}", self.keys.len()),
        }
    }

    fn note(&mut self, event: Event<K>) {
        let key = |object: &K| (object.namespace(), object.name_any());
        match event {
            Event::Apply(object) | Event::InitApply(object) if (self.is_satisfied)(&object) => {
                self.keys.insert(key(&object));
            }
            Event::Apply(object) | Event::InitApply(object) | Event::Delete(object) => {
                self.keys.remove(&key(&object));
            }
            Event::Init => self.keys.clear(),
            Event::InitDone => {}
        }
    }
}

/// The images that Deployments of a data plane ask for.
pub(crate) struct Images(Events<Deployment>);

impl Images {
    /// Follows the images from now on.
    pub(crate) async fn follow(data: Client) -> anyhow::Result<Self> {
        let mut events = events(data);
        while !matches!(events.next().await.context("a watch ended")?, Ok(Event::InitDone)) {}
        Ok(Self(events))
    }

    /// Waits until a Deployment asks for an image.
    pub(crate) async fn appears(&mut self, image: &str) -> anyhow::Result<()> {
        let asks = |deployment: &Deployment| {
            let pod = deployment.spec.as_ref().and_then(|spec| spec.template.spec.as_ref());
            pod.is_some_and(|pod| pod.containers.iter().any(|container| container.image.as_deref() == Some(image)))
        };
        let appeared = async {
            loop {
                if let Ok(Event::Apply(deployment) | Event::InitApply(deployment)) =
                    self.0.next().await.context("a watch ended")?
                    && asks(&deployment)
                {
                    return anyhow::Ok(());
                }
            }
        };
        let appeared = tokio::time::timeout(PATIENCE, appeared).await;
        appeared.with_context(|| format!("no Deployment has image `{image}` after {PATIENCE:?}"))?
    }
}

fn events<K>(client: Client) -> Events<K>
where
    K: kube::Resource<DynamicType = ()> + Clone + std::fmt::Debug + Send + serde::de::DeserializeOwned + 'static,
{
    watcher(Api::<K>::all(client), Config::default()).default_backoff().boxed()
}
