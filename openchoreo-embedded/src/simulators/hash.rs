//! Short digests for names and simulated values.
//!
//! FNV-1a over length-prefixed parts: stable over processes and platforms, which is all that a simulator asks of a
//! digest. Nothing here is meant to withstand an attacker.

/// Letters and digits that form no words and are not mistaken for each other, as Kubernetes uses in generated names.
const SAFE_ALPHABET: [char; 27] = [
    'b', 'c', 'd', 'f', 'g', 'h', 'j', 'k', 'l', 'm', 'n', 'p', 'q', 'r', 's', 't', 'v', 'w', 'x', 'z', '2', '4', '5',
    '6', '7', '8', '9',
];

/// Digests the parts; the lengths go in too, so `["ab", "c"]` differs from `["a", "bc"]`.
pub(super) fn digest(parts: &[&str]) -> u64 {
    let mut state: u64 = 0xcbf2_9ce4_8422_2325;
    let mut feed = |bytes: &[u8]| {
        for byte in bytes {
            state ^= u64::from(*byte);
            state = state.wrapping_mul(0x0100_0000_01b3);
        }
    };
    for part in parts {
        feed(&(part.len() as u64).to_le_bytes());
        feed(part.as_bytes());
    }
    // The low bits of FNV mix poorly over short inputs; one round of avalanche evens them out.
    state ^= state >> 33;
    state = state.wrapping_mul(0xff51_afd7_ed55_8ccd);
    state ^ (state >> 33)
}

/// Writes a digest with `length` characters that are safe in every Kubernetes name.
pub(super) fn safe_text(mut digest: u64, length: usize) -> String {
    let base = SAFE_ALPHABET.len() as u64;
    let mut text = String::with_capacity(length);
    for _ in 0..length {
        let index = usize::try_from(digest % base).unwrap_or(0);
        text.extend(SAFE_ALPHABET.get(index));
        digest /= base;
    }
    text
}

/// Eight hexadecimal digits, the shape of a short Git revision.
pub(super) fn short_hex(parts: &[&str]) -> String {
    format!("{:08x}", digest(parts) & 0xffff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_that_join_to_the_same_text_have_different_digests() {
        assert_ne!(digest(&["ab", "c"]), digest(&["a", "bc"]));
        assert_ne!(digest(&["a", ""]), digest(&["a"]));
    }

    #[test]
    fn texts_have_the_wanted_length_and_alphabet() {
        let text = safe_text(digest(&["template"]), 10);
        assert_eq!(text.len(), 10);
        assert!(text.chars().all(|letter| SAFE_ALPHABET.contains(&letter)));
        assert_eq!(short_hex(&["x"]).len(), 8);
    }
}
