//! A way to a plane that can be cut, or be a long one: a TCP forwarder on loopback.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::Context as _;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, mpsc};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

/// Bytes read at a time where there is a delay.
const PORTION: usize = 64 * 1024;
/// Portions on the way where there is a delay.
const ON_THE_WAY: usize = 1024;

/// Forwards connections to a plane until it is cut. Dropping it closes everything.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    target: SocketAddr,
    delay: Duration,
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
        Self::with_delay(target, Duration::ZERO).await
    }

    /// A proxy on a free port of loopback that holds what clients send for a while. Nothing is held on the way back, and
    /// requests do not wait for each other, so the delay is added once to each request.
    ///
    /// # Errors
    /// It cannot listen.
    pub async fn with_delay(target: SocketAddr, delay: Duration) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("cannot listen for a proxy")?;
        let address = listener.local_addr()?;
        Ok(Self { address, target, delay, serving: Mutex::new(Some(serve(listener, target, delay))) })
    }

    /// The URL by which the plane behind it is registered.
    pub fn url(&self) -> String {
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
            *serving = Some(serve(listener, self.target, self.delay));
        }
        Ok(())
    }
}

fn serve(listener: TcpListener, target: SocketAddr, delay: Duration) -> Serving {
    Serving(tokio::spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    if let Ok((near, _)) = accepted {
                        connections.spawn(forward(near, target, delay));
                    }
                }
                Some(_) = connections.join_next() => {}
            }
        }
    }))
}

async fn forward(mut near: TcpStream, target: SocketAddr, delay: Duration) {
    let Ok(mut far) = TcpStream::connect(target).await else { return };
    // Small requests must not wait for the confirmation of earlier ones.
    let _best_effort = (near.set_nodelay(true), far.set_nodelay(true));
    if delay.is_zero() {
        let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
        return;
    }
    let ((near_in, mut near_out), (mut far_in, far_out)) = (near.split(), far.split());
    tokio::select! {
        _ = copy_late(near_in, far_out, delay) => {}
        _ = tokio::io::copy(&mut far_in, &mut near_out) => {}
    }
}

/// Copies what is read, each portion a while after it was read.
async fn copy_late(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    delay: Duration,
) -> std::io::Result<()> {
    let (send, mut on_the_way) = mpsc::channel::<(Instant, Vec<u8>)>(ON_THE_WAY);
    let read = async {
        loop {
            let mut portion = Vec::with_capacity(PORTION);
            if from.read_buf(&mut portion).await? == 0 || send.send((Instant::now() + delay, portion)).await.is_err() {
                drop(send);
                return Ok(());
            }
        }
    };
    let write = async {
        while let Some((due, portion)) = on_the_way.recv().await {
            tokio::time::sleep_until(due).await;
            to.write_all(&portion).await?;
        }
        to.shutdown().await
    };
    tokio::try_join!(read, write).map(drop)
}
