//! Reading manifests from files, folders, URLs and standard input.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use openchoreo_types::yaml;
use serde_json::Value;

use super::{Manifest, Problem};
use crate::args::ManifestArgs;
use crate::error::CliError;
use crate::io::Io;

const STANDARD_INPUT: &str = "standard input";
const EXTENSIONS: [&str; 3] = ["yaml", "yml", "json"];
/// More than any manifest has, less than what hurts.
const DOWNLOAD_LIMIT: usize = 16 * 1024 * 1024;
const DOWNLOAD_TIMEOUT: Duration = Duration::from_secs(30);
const MAXIMUM_REDIRECTS: usize = 5;

/// Reads everything that the arguments name, in their order; folders in the order of their file names.
///
/// Texts that are no YAML are reported together.
pub(crate) async fn load(args: &ManifestArgs, io: &mut Io) -> Result<Vec<Manifest>, CliError> {
    let mut manifests = Vec::new();
    let mut problems = Vec::new();
    for name in &args.filename {
        for (source, text) in texts(name, args.recursive, io).await? {
            match yaml::documents(&text) {
                Ok(documents) => manifests.extend(number(&source, documents)),
                Err(error) => {
                    problems.push(Problem { source, document: None, object: None, message: error.to_string() });
                }
            }
        }
    }
    if !problems.is_empty() {
        return Err(CliError::Manifests { problems });
    }
    if manifests.is_empty() {
        return Err(CliError::NoManifests { path: args.filename.join("`, `"), has_subfolders: false });
    }
    Ok(manifests)
}

fn number(source: &str, documents: Vec<Value>) -> impl Iterator<Item = Manifest> {
    documents.into_iter().enumerate().flat_map(move |(index, document)| {
        items(document).into_iter().map(move |object| Manifest {
            source: source.to_owned(),
            document: index + 1,
            object,
        })
    })
}

/// The objects of a list, or the object itself.
fn items(mut document: Value) -> Vec<Value> {
    let is_list = document.get("kind").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("List"));
    match document.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) if is_list => items,
        Some(other) => {
            if let Some(fields) = document.as_object_mut() {
                fields.insert("items".to_owned(), other);
            }
            vec![document]
        }
        None => vec![document],
    }
}

async fn texts(name: &str, recursive: bool, io: &mut Io) -> Result<Vec<(String, String)>, CliError> {
    if name == "-" {
        let text = io.read_input().map_err(|source| CliError::ReadFile { path: STANDARD_INPUT.to_owned(), source })?;
        return Ok(vec![(STANDARD_INPUT.to_owned(), text)]);
    }
    if name.starts_with("http://") || name.starts_with("https://") {
        return Ok(vec![(name.to_owned(), download(name).await?)]);
    }
    let path = Path::new(name);
    if !path.is_dir() {
        return Ok(vec![(name.to_owned(), read(path)?)]);
    }
    let mut folder = Folder::default();
    folder.collect(path, recursive)?;
    if folder.files.is_empty() {
        return Err(CliError::NoManifests {
            path: name.to_owned(),
            has_subfolders: folder.has_subfolders && !recursive,
        });
    }
    folder.files.iter().map(|file| Ok((file.display().to_string(), read(file)?))).collect()
}

fn read(path: &Path) -> Result<String, CliError> {
    fs::read_to_string(path).map_err(|source| CliError::ReadFile { path: path.display().to_string(), source })
}

#[derive(Default)]
struct Folder {
    files: Vec<PathBuf>,
    has_subfolders: bool,
}

impl Folder {
    fn collect(&mut self, folder: &Path, recursive: bool) -> Result<(), CliError> {
        let unreadable = |source| CliError::ReadFile { path: folder.display().to_string(), source };
        let entries = fs::read_dir(folder).map_err(unreadable)?;
        let mut paths =
            entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
        paths.sort();
        for path in paths {
            let is_manifest = path
                .extension()
                .and_then(|extension| extension.to_str())
                .is_some_and(|extension| EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(extension)));
            if path.is_dir() {
                self.has_subfolders = true;
                if recursive {
                    self.collect(&path, recursive)?;
                }
            } else if is_manifest {
                self.files.push(path);
            }
        }
        Ok(())
    }
}

async fn download(url: &str) -> Result<String, CliError> {
    let failed = |reason: String| CliError::Download { url: url.to_owned(), reason };
    match tokio::time::timeout(DOWNLOAD_TIMEOUT, fetch(url)).await {
        Ok(result) => result.map_err(failed),
        Err(_) => Err(failed(format!("no answer within {} s", DOWNLOAD_TIMEOUT.as_secs()))),
    }
}

async fn fetch(url: &str) -> Result<String, String> {
    let connector = hyper_rustls::HttpsConnectorBuilder::new()
        .with_provider_and_platform_verifier(rustls::crypto::ring::default_provider())
        .map_err(|error| error.to_string())?
        .https_or_http()
        .enable_http1()
        .build();
    let client: Client<_, Empty<hyper::body::Bytes>> = Client::builder(TokioExecutor::new()).build(connector);
    let mut target: http::Uri = url.parse().map_err(|error: http::uri::InvalidUri| error.to_string())?;
    for _ in 0..=MAXIMUM_REDIRECTS {
        let response = client.get(target.clone()).await.map_err(|error| with_causes(&error))?;
        let status = response.status();
        if status.is_redirection() {
            target = redirect(&target, response.headers())?;
            continue;
        }
        if !status.is_success() {
            return Err(format!("the server answered {status}"));
        }
        let body = Limited::new(response.into_body(), DOWNLOAD_LIMIT);
        let bytes = body.collect().await.map_err(|error| error.to_string())?.to_bytes();
        return String::from_utf8(bytes.to_vec()).map_err(|_| "it is not text".to_owned());
    }
    Err(format!("more than {MAXIMUM_REDIRECTS} redirects"))
}

/// Where a redirect leads; never from an encrypted connection to an open one.
fn redirect(from: &http::Uri, headers: &http::HeaderMap) -> Result<http::Uri, String> {
    let location = headers
        .get(http::header::LOCATION)
        .and_then(|location| location.to_str().ok())
        .ok_or_else(|| "a redirect without a target".to_owned())?;
    let absolute = match (location.starts_with('/'), from.scheme_str(), from.authority()) {
        (true, Some(scheme), Some(authority)) => format!("{scheme}://{authority}{location}"),
        _ => location.to_owned(),
    };
    let target: http::Uri = absolute.parse().map_err(|_| format!("a redirect to `{location}`"))?;
    if from.scheme() == Some(&http::uri::Scheme::HTTPS) && target.scheme() != Some(&http::uri::Scheme::HTTPS) {
        return Err(format!("a redirect to `{target}`, which is not encrypted"));
    }
    Ok(target)
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_counts_as_its_items() {
        let list = serde_json::json!({"kind": "List", "items": [{"kind": "A"}, {"kind": "B"}]});
        assert_eq!(items(list).len(), 2);
        let object = serde_json::json!({"kind": "Shelf", "items": [1]});
        assert_eq!(items(object.clone()), [object]);
    }

    #[test]
    fn a_redirect_may_be_relative_but_never_drops_encryption() {
        let from: http::Uri = "https://example.com/a".parse().unwrap();
        let to = |location: &str| {
            let mut headers = http::HeaderMap::new();
            headers.insert(http::header::LOCATION, location.parse().unwrap());
            redirect(&from, &headers)
        };
        assert_eq!(to("/b").unwrap(), "https://example.com/b");
        assert_eq!(to("https://other.example.com/c").unwrap(), "https://other.example.com/c");
        assert!(to("http://example.com/b").is_err());
    }
}
