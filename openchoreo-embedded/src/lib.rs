//! A Kubernetes-compatible API server in a process: for first runs, tests and offline work.
//!
//! [`Server`] is a [`tower::Service`], so a [`kube::Client`] talks to it without a socket; with the feature `listen`
//! it also answers on a TLS port, so that `kubectl` can connect. It knows Kubernetes and nothing of any product built
//! on it: kinds beyond the built-in ones arrive as CustomResourceDefinitions, as they would in a cluster.
//!
//! What it deliberately does not do: run anything (no scheduler, no kubelet; see the feature `simulators`), persist
//! anything, enforce RBAC (each authenticated user may do everything unless an [`Authorizer`] says otherwise), call
//! webhooks, or speak Protocol Buffers (`415 Unsupported Media Type`): so `kubectl apply`, `create -f` and the rest that
//! sends JSON works, while `kubectl create namespace`, `create configmap`, `create token` and `auth can-i` do not.
//!
//! ```
//! use k8s_openapi::api::core::v1::ConfigMap;
//! use kube::api::{Api, PostParams};
//! use openchoreo_embedded::Server;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = Server::default();
//! let maps: Api<ConfigMap> = Api::default_namespaced(server.client());
//! let map = serde_json::from_value(serde_json::json!({"metadata": {"name": "greeting"}, "data": {"hello": "world"}}))?;
//! maps.create(&PostParams::default(), &map).await?;
//! assert_eq!(maps.get("greeting").await?.data, map.data);
//! # Ok(())
//! # }
//! ```

mod auth;
mod clock;
mod controllers;
mod discovery;
mod error;
pub mod kubeconfig;
mod lifecycle;
#[cfg(feature = "listen")]
mod listen;
pub mod managed_fields;
pub mod openapi;
pub mod patch;
mod registry;
pub mod schema;
mod selector;
mod service;
#[cfg(feature = "simulators")]
pub mod simulators;
mod state;
mod store;
pub mod table;
mod value;

pub use auth::{Authorizer, Decision, User};
pub use clock::Clock;
#[cfg(feature = "listen")]
pub use listen::{Authority, ListenError, Listener, ListenerSettings};
pub use service::{RequestInfo, ResponseBody, Server, ServerSettings};
