//! Rows of the table, and numbers as people read them.

use std::time::Duration;

/// Prints the head of the table.
pub(crate) fn head() {
    println!("| what | measured |\n|---|---|");
}

/// Prints a row of the table, at once.
pub(crate) fn row(what: &str, measured: &str) {
    println!("| {what} | {measured} |");
}

/// Times, from the shortest to the longest.
pub(crate) struct Times(Vec<Duration>);

impl Times {
    pub(crate) fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self(times)
    }

    /// The time that a share of them, in percent, does not exceed.
    pub(crate) fn percentile(&self, share: usize) -> Duration {
        let rank = (self.0.len() * share).div_ceil(100);
        self.0.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    }

    pub(crate) fn median(&self) -> Duration {
        self.percentile(50)
    }
}

pub(crate) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

pub(crate) fn microseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

#[expect(clippy::cast_precision_loss, reason = "sizes and counts far below 2^52")]
pub(crate) fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

#[expect(clippy::cast_precision_loss, reason = "sizes and counts far below 2^52")]
pub(crate) fn ratio(count: u64, of: usize) -> f64 {
    count as f64 / of.max(1) as f64
}
