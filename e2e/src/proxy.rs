//! A way to a plane that can be cut: a TCP forwarder on loopback.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Context as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::task::{JoinHandle, JoinSet};

/// Forwards connections to a plane until it is cut. Dropping it closes everything.
#[derive(Debug)]
pub(crate) struct Proxy {
    address: SocketAddr,
    target: SocketAddr,
    serving: Mutex<Option<Serving>>,
}

/// The task that serves; dropping it ends it.
#[derive(Debug)]
struct Serving(JoinHandle<()>);

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Proxy {
    /// A proxy on a free port of loopback.
    pub(crate) async fn start(target: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("cannot listen for a proxy")?;
        let address = listener.local_addr()?;
        Ok(Self { address, target, serving: Mutex::new(Some(serve(listener, target))) })
    }

    /// The URL by which the plane behind it is registered.
    pub(crate) fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Closes the port and every connection.
    pub(crate) async fn cut(&self) {
        if let Some(mut serving) = self.serving.lock().await.take() {
            serving.0.abort();
            // The task owns the listener: once it has ended, nobody can connect.
            let _ = (&mut serving.0).await;
        }
    }

    /// Opens the port again.
    pub(crate) async fn heal(&self) -> anyhow::Result<()> {
        let mut serving = self.serving.lock().await;
        if serving.is_none() {
            let listener = TcpListener::bind(self.address).await.context("cannot listen for the proxy again")?;
            *serving = Some(serve(listener, self.target));
        }
        Ok(())
    }
}

fn serve(listener: TcpListener, target: SocketAddr) -> Serving {
    Serving(tokio::spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    if let Ok((mut near, _)) = accepted {
                        connections.spawn(async move {
                            if let Ok(mut far) = TcpStream::connect(target).await {
                                let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                            }
                        });
                    }
                }
                Some(_) = connections.join_next() => {}
            }
        }
    }))
}
