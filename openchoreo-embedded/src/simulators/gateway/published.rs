//! Keys that are published on this machine, fetched when a request needs them.
//!
//! Only plain HTTP to an address of loopback: a simulator reaches for nothing beyond the machine it runs on, so tokens
//! whose keys are published elsewhere are refused for want of keys.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use http::{Request, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::protection::KeySets;

/// How long keys are used before they are fetched again.
const KEPT: Duration = Duration::from_secs(5);
/// How long fetching may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// The largest set that is read, in bytes.
const SIZE: usize = 256 * 1024;
/// How many sets are kept; beyond that the memory is emptied.
const SETS: usize = 64;

/// The keys that were fetched, by URL, and when; nothing where fetching failed.
#[derive(Debug, Default)]
pub(super) struct PublishedKeys {
    fetched: Mutex<BTreeMap<String, (Instant, Option<String>)>>,
}

impl PublishedKeys {
    /// The keys at some URLs, as far as there are any.
    pub(super) async fn get(&self, urls: &[String]) -> KeySets {
        let mut sets = KeySets::default();
        for url in urls {
            let known = self.fetched.lock().get(url).filter(|(since, _)| since.elapsed() < KEPT).cloned();
            let set = match known {
                Some((_, set)) => set,
                None => {
                    let set = tokio::time::timeout(PATIENCE, fetch(url)).await.ok().flatten();
                    let mut fetched = self.fetched.lock();
                    if fetched.len() >= SETS {
                        fetched.clear();
                    }
                    fetched.insert(url.clone(), (Instant::now(), set.clone()));
                    set
                }
            };
            if let Some(set) = set {
                sets = sets.with(url, set);
            }
        }
        sets
    }
}

/// What is at a URL, if it is on this machine and answers.
async fn fetch(url: &str) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    let stream = TcpStream::connect(on_this_machine(&uri)?).await.ok()?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let host = uri.authority()?.as_str();
    let request = Request::get(path).header(http::header::HOST, host).body(Empty::<Bytes>::new()).ok()?;
    let answer = async move {
        let response = sender.send_request(request).await.ok()?;
        let is_there = response.status().is_success();
        let body = Limited::new(response.into_body(), SIZE).collect().await.ok()?.to_bytes();
        is_there.then(|| String::from_utf8(body.to_vec()).ok()).flatten()
    };
    // The connection makes progress only while it is polled, and ends when nobody sends requests any more.
    tokio::join!(answer, connection).0
}

/// Where a URL leads, if that is on this machine.
fn on_this_machine(uri: &Uri) -> Option<SocketAddr> {
    let host = uri.host()?;
    let address = match host.trim_start_matches('[').trim_end_matches(']') {
        "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
        other => other.parse().ok()?,
    };
    let is_plain = uri.scheme() == Some(&http::uri::Scheme::HTTP);
    (is_plain && address.is_loopback()).then(|| SocketAddr::new(address, uri.port_u16().unwrap_or(80)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_asked() {
        let cases = [
            ("http://127.0.0.1:8080/jwks", Some("127.0.0.1:8080")),
            ("http://localhost/jwks", Some("127.0.0.1:80")),
            ("http://[::1]:8080/jwks", Some("[::1]:8080")),
            ("https://127.0.0.1/jwks", None),
            ("http://192.0.2.1/jwks", None),
            ("http://localhost.example/jwks", None),
            ("/jwks", None),
        ];
        for (url, expected) in cases {
            let uri: Uri = url.parse().unwrap();
            assert_eq!(on_this_machine(&uri), expected.map(|address| address.parse().unwrap()), "{url}");
        }
    }
}
