//! The fence around writes: what may be sent only while this process leads, and only until the end of its term.
//!
//! The end of a term is a time of the monotonic clock that each writer looks at itself. Nobody has to be told that it
//! has come, so no slow task and no silent server can make a write pass it.

use std::future::Future;

use tokio::sync::watch;
use tokio::time::Instant;

/// When a term ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It has ended, or none has begun.
    Past,
    /// Then, unless it is renewed before.
    At(Instant),
    /// Never: there is nobody to share with.
    Never,
}

/// A time in which this process leads, without a break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Term {
    /// Its number: a term that follows another has a higher one.
    pub(super) number: u64,
    /// Its end, as far as is known.
    pub(super) end: End,
}

impl Term {
    /// The number of the term, while it lasts.
    pub(super) fn running(self) -> Option<u64> {
        let is_over = match self.end {
            End::Past => true,
            End::At(end) => end <= Instant::now(),
            End::Never => false,
        };
        (!is_over).then_some(self.number)
    }
}

/// The terms of this process, as they begin, are renewed and end.
#[derive(Clone, Debug)]
pub(super) struct Fence(pub(super) watch::Receiver<Term>);

impl Fence {
    /// The number of the term that lasts now.
    pub(super) fn term(&self) -> Option<u64> {
        self.0.borrow().running()
    }

    /// Waits until another term than this lasts, or none where one did.
    pub(super) async fn changed(&mut self, known: Option<u64>) -> Option<u64> {
        loop {
            let term = *self.0.borrow_and_update();
            let running = term.running();
            if running != known {
                return running;
            }
            let end = async {
                match term.end {
                    End::At(end) if running.is_some() => tokio::time::sleep_until(end).await,
                    End::At(_) | End::Past | End::Never => std::future::pending().await,
                }
            };
            tokio::select! {
                // Without anyone to renew it, a term lasts to its end.
                Ok(()) = self.0.changed() => {}
                () = end => {}
                else => std::future::pending().await,
            }
        }
    }

    /// Lets a write go on in a term; nothing where the term has ended before it was done. It is dropped then, wherever
    /// it is.
    pub(super) async fn within<T>(mut self, term: Option<u64>, write: impl Future<Output = T>) -> Option<T> {
        if term.is_none() || self.term() != term {
            return None;
        }
        tokio::select! {
            biased;
            _ = self.changed(term) => None,
            answer = write => Some(answer),
        }
    }
}
