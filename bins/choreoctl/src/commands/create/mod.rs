//! `create`: makes one object from flags.
//!
//! Names and labels are written as the platform's controllers read them; nothing is checked here that the API server
//! checks.

mod build;
mod credentials;
mod objects;

use std::process::ExitCode;

use k8s_openapi::api::core::v1::Secret;
use kube::api::{DeleteParams, DynamicObject, PostParams};
use openchoreo_types::{PlatformKind, labels};
use serde_json::Value;

use super::FIELD_MANAGER;
use super::apply::missing_namespace;
use crate::args::{CommonArgs, CreateArgs, CreateFormat, CreateKind, DryRun, GlobalArgs};
use crate::cluster::{Cluster, Kind};
use crate::error::CliError;
use crate::io::Io;
use crate::output::{to_json, to_yaml, without_managed_fields};

pub(crate) async fn run(args: CreateArgs, global: &GlobalArgs, io: &mut Io) -> Result<ExitCode, CliError> {
    let mut creation = Creation { cluster: Cluster::connect(global, io).await?, io };
    match args.kind {
        CreateKind::Organization(args) => creation.create(objects::organization(&args), &args.object.common).await?,
        CreateKind::Project(args) => creation.create(objects::project(&args), &args.object.common).await?,
        CreateKind::Component(args) => creation.create(objects::component(&args), &args.object.common).await?,
        CreateKind::Environment(args) => creation.create(objects::environment(&args), &args.object.common).await?,
        CreateKind::DataPlane(args) => {
            let connection = credentials::read(&args.cluster, &args.object.name)?;
            let plane = objects::data_plane(&args, connection.cluster);
            creation.create_plane(plane, connection.secret, &args.object.common).await?;
        }
        CreateKind::BuildPlane(args) => {
            let connection = credentials::read(&args.cluster, &args.object.name)?;
            let plane = objects::build_plane(&args, connection.cluster);
            creation.create_plane(plane, connection.secret, &args.object.common).await?;
        }
        CreateKind::DeploymentPipeline(args) => {
            let pipeline = objects::deployment_pipeline(&args)?;
            creation.create(pipeline, &args.object.common).await?;
        }
        CreateKind::DeploymentTrack(args) => {
            creation.create(objects::deployment_track(&args), &args.object.common).await?;
        }
        CreateKind::Build(args) => {
            let build = build::make(&args, &creation.cluster, creation.io).await?;
            creation.create(build, &args.common).await?;
        }
        CreateKind::DeployableArtifact(args) => {
            creation.create(objects::deployable_artifact(&args), &args.object.common).await?;
        }
        CreateKind::Deployment(args) => creation.create(objects::deployment(&args), &args.object.common).await?,
        CreateKind::ConfigurationGroup(args) => {
            creation.create(objects::configuration_group(&args), &args.object.common).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

struct Creation<'a> {
    cluster: Cluster,
    io: &'a mut Io,
}

impl Creation<'_> {
    /// Creates an object of the platform, with the names for people and the labels that all of them have.
    async fn create<K: PlatformKind>(&mut self, mut object: K, args: &CommonArgs) -> Result<(), CliError> {
        let kind = Kind::of::<K>();
        let namespace = self.cluster.namespace_for(&kind);
        let organization = match &namespace {
            Some(namespace) => Some(organization_of(&self.cluster, namespace, args).await?),
            None => None,
        };
        let meta = object.meta_mut();
        meta.namespace.clone_from(&namespace);
        let labels = meta.labels.get_or_insert_default();
        labels.insert(labels::NAME.to_owned(), meta.name.clone().unwrap_or_default());
        if let Some(organization) = organization {
            labels.entry(labels::ORGANIZATION.to_owned()).or_insert(organization);
        }
        let texts = [
            (labels::annotations::DISPLAY_NAME, &args.display_name),
            (labels::annotations::DESCRIPTION, &args.description),
        ];
        for (key, text) in texts {
            if let Some(text) = text {
                meta.annotations.get_or_insert_default().insert(key.to_owned(), text.clone());
            }
        }
        let value = serde_json::to_value(&object)
            .map_err(|error| CliError::Format { reason: format!("{}: {error}", kind.singular) })?;
        self.send(&kind, namespace.as_deref(), value, args).await
    }

    /// Creates a plane with the Secret that it refers to, or neither.
    async fn create_plane<K: PlatformKind>(
        &mut self,
        plane: K,
        mut secret: Secret,
        args: &CommonArgs,
    ) -> Result<(), CliError> {
        let kind = secret_kind();
        let namespace = self.cluster.namespace_for(&kind);
        secret.metadata.namespace.clone_from(&namespace);
        let name = secret.metadata.name.clone().unwrap_or_default();
        let value =
            serde_json::to_value(&secret).map_err(|error| CliError::Format { reason: format!("secret: {error}") })?;
        self.send(&kind, namespace.as_deref(), value, args).await?;
        let result = self.create(plane, args).await;
        if result.is_err() && args.dry_run.is_none() {
            let secrets = self.cluster.objects(&kind, namespace.as_deref());
            if let Err(source) = secrets.delete(&name, &DeleteParams::default()).await {
                self.io.note(&format!("secret `{name}` is left behind: {source}"))?;
            }
        }
        result
    }

    async fn send(
        &mut self,
        kind: &Kind,
        namespace: Option<&str>,
        object: Value,
        args: &CommonArgs,
    ) -> Result<(), CliError> {
        let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let (answer, suffix) = match args.dry_run {
            Some(DryRun::Client) => (object, " (dry run)"),
            dry_run => {
                let is_dry = dry_run == Some(DryRun::Server);
                let answer = post(&self.cluster, kind, namespace, &name, object, is_dry).await?;
                (answer, if is_dry { " (server dry run)" } else { "" })
            }
        };
        match args.output {
            // Several objects of one command make one stream of documents.
            Some(CreateFormat::Yaml) => self.io.data(&format!("---\n{}", to_yaml(&without_managed_fields(answer))?)),
            Some(CreateFormat::Json) => self.io.data(&to_json(&without_managed_fields(answer))?),
            Some(CreateFormat::Name) => self.io.line(&format!("{}/{name}", kind.printed())),
            None => self.io.line(&format!("{}/{name} created{suffix}", kind.printed())),
        }
    }
}

async fn organization_of(cluster: &Cluster, namespace: &str, args: &CommonArgs) -> Result<String, CliError> {
    match cluster.explicit_organization() {
        Some(organization) => Ok(organization.to_owned()),
        None if args.dry_run == Some(DryRun::Client) => Ok(namespace.to_owned()),
        None => cluster.organization_of(namespace).await,
    }
}

async fn post(
    cluster: &Cluster,
    kind: &Kind,
    namespace: Option<&str>,
    name: &str,
    object: Value,
    dry_run: bool,
) -> Result<Value, CliError> {
    let what = format!("{} `{name}`", kind.singular);
    let object: DynamicObject =
        serde_json::from_value(object).map_err(|source| CliError::Decode { object: what.clone(), source })?;
    let parameters = PostParams { dry_run, field_manager: Some(FIELD_MANAGER.to_owned()) };
    match cluster.objects(kind, namespace).create(&parameters, &object).await {
        Ok(created) => serde_json::to_value(created).map_err(|source| CliError::Decode { object: what, source }),
        Err(kube::Error::Api(status)) if status.reason == "AlreadyExists" => Err(CliError::AlreadyExists {
            kind: kind.singular.clone(),
            name: name.to_owned(),
            namespace: namespace.map(str::to_owned),
        }),
        Err(source) => {
            let act = format!("create {what}");
            match missing_namespace(&source) {
                Some(namespace) => Err(CliError::NoNamespace { act, namespace, waited_seconds: None }),
                None => Err(cluster.error(act, kind, source)),
            }
        }
    }
}

fn secret_kind() -> Kind {
    Kind {
        group: String::new(),
        version: "v1".to_owned(),
        kind: "Secret".to_owned(),
        plural: "secrets".to_owned(),
        singular: "secret".to_owned(),
        short_names: Vec::new(),
        namespaced: true,
    }
}
