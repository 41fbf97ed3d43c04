//! Digests of identities, as lower-case hexadecimal digits.
//!
//! [`digest8`] and [`digest16`] hash each part with its length before it, so that (`a-b`, `c`) and (`a`, `b-c`) differ.
//! [`compat_digest8`] hashes the parts joined by `-`, as upstream does, and so cannot tell those two apart; only
//! upstream-compatible names use it. No digest here is for secrets.

use sha2::{Digest, Sha256};

/// The first 8 hexadecimal digits (32 bits) of the digest of length-prefixed parts.
///
/// Enough to tell identities apart whose names are otherwise spelled out in full. Where a name leaves something out,
/// somebody may search for a second identity with the same digest; use [`digest16`] there.
///
/// ```
/// use openchoreo_core::naming::hash::digest8;
///
/// assert_ne!(digest8(&["a-b", "c"]), digest8(&["a", "b-c"]));
/// ```
pub fn digest8(parts: &[&str]) -> String {
    hexadecimal::<4>(length_prefixed(parts))
}

/// The first 16 hexadecimal digits (64 bits) of the digest of length-prefixed parts; begins with [`digest8`].
pub fn digest16(parts: &[&str]) -> String {
    hexadecimal::<8>(length_prefixed(parts))
}

/// Upstream's digest: the first 8 hexadecimal digits over the parts joined by `-`.
///
/// ```
/// use openchoreo_core::naming::hash::compat_digest8;
///
/// assert_eq!(compat_digest8(&["a-b", "c"]), compat_digest8(&["a", "b-c"]));
/// ```
pub fn compat_digest8(parts: &[&str]) -> String {
    hexadecimal::<4>(Sha256::digest(parts.join("-").as_bytes()))
}

fn length_prefixed(parts: &[&str]) -> impl IntoIterator<Item = u8> {
    let mut hasher = Sha256::new();
    for part in parts {
        // A fixed-width length makes the encoding of a list of parts unique.
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize()
}

fn hexadecimal<const BYTES: usize>(digest: impl IntoIterator<Item = u8>) -> String {
    let mut text = String::with_capacity(2 * BYTES);
    for byte in digest.into_iter().take(BYTES) {
        text.extend([byte >> 4, byte & 0xf].map(|half| char::from_digit(half.into(), 16).unwrap_or('0')));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_long_digest_begins_with_the_short_one() {
        let parts = ["default-org", "default-project", "hello-world"];
        assert_eq!(digest16(&parts).len(), 16);
        assert!(digest16(&parts).starts_with(&digest8(&parts)));
    }

    #[test]
    fn moving_a_boundary_changes_the_digest() {
        assert_ne!(digest8(&["a", "b"]), digest8(&["ab"]));
        assert_ne!(digest8(&["", "ab"]), digest8(&["ab", ""]));
        assert_ne!(digest8(&["a"]), digest8(&["a", ""]));
    }
}
