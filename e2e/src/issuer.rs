//! Somebody who issues tokens: a key, published where the gateway of a lane fetches it.

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::ground::Lane;
use crate::program::HOST;

/// An issuer of tokens; dropping it takes its key away.
#[derive(Debug)]
pub(crate) struct Issuer {
    url: String,
    secret: [u8; 32],
    serving: JoinHandle<()>,
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Issuer {
    /// Makes a key and publishes it where the gateway of a lane finds it.
    pub(crate) async fn start(lane: Lane) -> anyhow::Result<Self> {
        let host = match lane {
            Lane::Embedded | Lane::Planes => "127.0.0.1",
            Lane::DataPlane => HOST,
        };
        let random = ring::rand::generate(&ring::rand::SystemRandom::new()).ok().context("no randomness for a key")?;
        let secret: [u8; 32] = random.expose();
        let key = json!({ "kty": "oct", "kid": "e2e", "alg": "HS256", "k": URL_SAFE_NO_PAD.encode(secret) });
        let set = json!({ "keys": [key] }).to_string();
        let socket = TcpListener::bind((host, 0)).await.context("cannot publish the key")?;
        let url = format!("http://{}/jwks", socket.local_addr()?);
        let serving = tokio::spawn(async move {
            while let Ok((mut stream, _)) = socket.accept().await {
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", set.len());
                // Whoever hangs up asks again.
                let _ = stream.read(&mut [0; 4096]).await;
                let _ = stream.write_all(format!("{head}{set}").as_bytes()).await;
            }
        });
        Ok(Self { url, secret, serving })
    }

    /// Where the key is published.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// A token with claims.
    pub(crate) fn token(&self, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(&json!({ "alg": "HS256", "kid": "e2e" })), part(claims));
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &self.secret);
        let signature = URL_SAFE_NO_PAD.encode(ring::hmac::sign(&key, message.as_bytes()));
        format!("{message}.{signature}")
    }
}
