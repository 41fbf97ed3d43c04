//! The way to the API server: kubeconfig, kinds, and the few requests that typed clients do not cover.
//!
//! A [`Cluster`] connects when the first request needs it, so that what can be done without a server is.

mod discovery;
mod kind;
pub(crate) mod kubeconfig;

use futures::{AsyncBufReadExt, Stream, StreamExt};
use kube::api::{Api, ApiResource, DynamicObject, ListParams};
use kube::config::KubeConfigOptions;
use kube::{Client, Config};
use openchoreo_types::spelling::nearest;
use serde_json::Value;

use crate::args::GlobalArgs;
use crate::error::CliError;
use crate::io::Io;

use discovery::Discovery;
pub(crate) use kind::{Kind, encode};
use kubeconfig::Kubeconfigs;

/// Asks the server for a table, as `kubectl` does.
const ACCEPT_TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
const ACCEPT_JSON: &str = "application/json";

/// Which form a server should answer in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A table, with the columns that the server chooses.
    Table,
    /// The objects.
    Objects,
}

impl Form {
    fn accept(self) -> &'static str {
        match self {
            Self::Table => ACCEPT_TABLE,
            Self::Objects => ACCEPT_JSON,
        }
    }
}

/// One context of the kubeconfig, and what is known about its server so far.
pub(crate) struct Cluster {
    client: Client,
    context: String,
    namespace: String,
    organization: Option<String>,
    namespace_is_explicit: bool,
    discovery: Option<Discovery>,
}

impl Cluster {
    /// Prepares the client for the chosen context. No request is sent yet.
    ///
    /// The future does not hold the [`Io`], which threads cannot share.
    pub(crate) fn connect<'a>(
        global: &'a GlobalArgs,
        io: &Io,
    ) -> impl Future<Output = Result<Self, CliError>> + Send + use<'a> {
        Self::connect_with(global, Kubeconfigs::locate(global.kubeconfig.as_deref(), io))
    }

    async fn connect_with(global: &GlobalArgs, files: Kubeconfigs) -> Result<Self, CliError> {
        let (config, context) = match files.load()? {
            Some(kubeconfig) => {
                let context = kubeconfig::context_name(&kubeconfig, global.context.as_deref())?;
                let options = KubeConfigOptions { context: Some(context.clone()), ..Default::default() };
                let config = Config::from_custom_kubeconfig(kubeconfig, &options)
                    .await
                    .map_err(|source| CliError::Kubeconfig { path: files.describe(), source: Box::new(source) })?;
                (config, context)
            }
            // Inside a pod there is no kubeconfig, but a service account.
            None if global.context.is_none() && !files.are_named() => match Config::incluster() {
                Ok(config) => (config, "in-cluster".to_owned()),
                Err(_) => return Err(files.not_found()),
            },
            None => return Err(files.not_found()),
        };
        let explicit = global.namespace.as_ref().or(global.organization.as_ref());
        let namespace = explicit.unwrap_or(&config.default_namespace).clone();
        let client =
            Client::try_from(config).map_err(|source| CliError::from_kube("make a client", &context, source))?;
        Ok(Self {
            client,
            context,
            namespace,
            organization: global.organization.clone(),
            namespace_is_explicit: explicit.is_some(),
            discovery: None,
        })
    }

    /// Name of the context.
    pub(crate) fn context(&self) -> &str {
        &self.context
    }

    /// The namespace to work in.
    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The namespace that the user named on the command line, if any.
    pub(crate) fn explicit_namespace(&self) -> Option<&str> {
        self.namespace_is_explicit.then_some(self.namespace.as_str())
    }

    /// The organization that the user named on the command line, if any.
    pub(crate) fn explicit_organization(&self) -> Option<&str> {
        self.organization.as_deref()
    }

    /// The client, for typed requests.
    pub(crate) fn client(&self) -> Client {
        self.client.clone()
    }

    /// Objects of a kind: of a namespace where the kind has namespaces.
    pub(crate) fn objects(&self, kind: &Kind, namespace: Option<&str>) -> Api<DynamicObject> {
        let resource = kind.api_resource();
        match namespace {
            Some(namespace) if kind.namespaced => Api::namespaced_with(self.client(), namespace, &resource),
            _ => Api::all_with(self.client(), &resource),
        }
    }

    /// The namespace of an object of that kind: none for kinds without namespaces.
    pub(crate) fn namespace_for(&self, kind: &Kind) -> Option<String> {
        kind.namespaced.then(|| self.namespace.clone())
    }

    /// The kind that a person calls `name`. The platform's own kinds come first and need no request.
    pub(crate) async fn kind_called(&mut self, name: &str) -> Result<Kind, CliError> {
        if let Some(kind) = Kind::ours().find(|kind| kind.is_called(name)) {
            return Ok(kind);
        }
        let discovery = self.discovery().await?;
        discovery.kind_called(name).cloned().ok_or_else(|| {
            let known: Vec<String> =
                Kind::ours().chain(discovery.kinds().iter().cloned()).map(|kind| kind.plural).collect();
            let similar = nearest(name, known.iter().map(String::as_str)).map(str::to_owned);
            CliError::UnknownKind { name: name.to_owned(), similar }
        })
    }

    /// The kinds that the server serves beside the platform's own.
    pub(crate) async fn discovery(&mut self) -> Result<&Discovery, CliError> {
        if self.discovery.is_none() {
            let discovery = Discovery::fetch(&self.client)
                .await
                .map_err(|source| CliError::from_kube("list the kinds of the server", &self.context, source))?;
            self.discovery = Some(discovery);
        }
        Ok(self.discovery.get_or_insert_default())
    }

    /// Sorts what a request of one kind reports: a kind that is not installed, or anything else.
    pub(crate) fn error(&self, act: impl Into<String>, kind: &Kind, source: kube::Error) -> CliError {
        match &source {
            // The answer about a missing object names it; the answer about a missing kind has no details.
            kube::Error::Api(status) if status.code == 404 && !has_details(status) => {
                CliError::NotInstalled { kind: kind.kind.clone(), context: self.context.clone() }
            }
            _ => CliError::from_kube(act, &self.context, source),
        }
    }

    /// The error about an object that is not there, with the namespaces where one of that name is.
    pub(crate) async fn not_found(&self, kind: &Kind, name: &str, namespace: Option<&str>) -> CliError {
        let mut elsewhere = Vec::new();
        if kind.namespaced {
            let same_name = ListParams::default().fields(&format!("metadata.name={name}"));
            // Only for the hint: someone who may not list everywhere gets the error without it.
            if let Ok(list) = self.objects(kind, None).list_metadata(&same_name).await {
                elsewhere.extend(list.items.into_iter().filter_map(|object| object.metadata.namespace));
            }
        }
        CliError::NotFound {
            kind: kind.singular.clone(),
            name: name.to_owned(),
            namespace: namespace.filter(|_| kind.namespaced).map(str::to_owned),
            elsewhere,
        }
    }

    /// Reads a path of the API.
    pub(crate) async fn read(&self, path: &str, form: Form) -> Result<Value, kube::Error> {
        self.client.request(request(path, form)?).await
    }

    /// Reads the events of a watch, one JSON object each, until the server ends it.
    pub(crate) async fn watch(
        &self,
        path: &str,
        form: Form,
    ) -> Result<impl Stream<Item = Result<Value, kube::Error>> + Unpin + use<>, kube::Error> {
        let lines = self.client.request_stream(request(path, form)?).await?.lines();
        Ok(Box::pin(lines.map(|line| {
            let line = line.map_err(kube::Error::ReadEvents)?;
            serde_json::from_str(&line).map_err(kube::Error::SerdeError)
        })))
    }

    /// The organization of a namespace: what an administrator wrote on it, or its name.
    pub(crate) async fn organization_of(&self, namespace: &str) -> Result<String, CliError> {
        let resource = ApiResource::erase::<k8s_openapi::api::core::v1::Namespace>(&());
        let namespaces: Api<DynamicObject> = Api::all_with(self.client(), &resource);
        let found = match namespaces.get_metadata_opt(namespace).await {
            Ok(found) => found,
            // Who may not read namespaces may still create objects in one.
            Err(kube::Error::Api(status)) if status.code == 403 => None,
            Err(source) => {
                return Err(CliError::from_kube(format!("read namespace `{namespace}`"), &self.context, source));
            }
        };
        let label = found
            .and_then(|found| found.metadata.labels)
            .and_then(|mut labels| labels.remove(openchoreo_types::labels::ORGANIZATION));
        Ok(label.unwrap_or_else(|| namespace.to_owned()))
    }
}

fn request(path: &str, form: Form) -> Result<http::Request<Vec<u8>>, kube::Error> {
    http::Request::get(path)
        .header(http::header::ACCEPT, form.accept())
        .body(Vec::new())
        .map_err(kube::Error::HttpError)
}

fn has_details(status: &kube::core::Status) -> bool {
    status.details.as_ref().is_some_and(|details| !details.name.is_empty())
}
