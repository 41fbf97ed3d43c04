//! From parts to one readable name within a limit.
//!
//! Two generators live here. [`generate`] is ours: its result is always a DNS label, and two lists of parts never share
//! one. [`compat_generate`] is upstream's, byte for byte, with upstream's flaws except its panics. Which parts an object
//! is named after is not decided here: see [`scheme`](super::scheme).
//!
//! A name of ours comes in two forms:
//!
//! ```text
//! <parts>-<8 digits>               every part is written in full
//! <parts>-<8 digits>-<8 digits>    some part was cut, changed, or left out
//! ```
//!
//! While the parts can be read in full, the only other lists that read the same are the few with the boundaries moved,
//! and eight digits tell those apart. Once text is lost, anyone who may choose a part could search for a second list
//! with the same eight digits (2³² tries are minutes), so the name then carries sixteen.

use unicode_general_category::{GeneralCategory, get_general_category};

use super::hash::{compat_digest8, digest8, digest16};
use super::names::{DnsLabel, NameError};

/// The number of digits in each group.
const GROUP: usize = 8;

/// A name within `limit` bytes that tells exactly these parts, and reads like them as far as the limit allows.
///
/// The result is a DNS label whatever the parts hold, for any limit up to 63; above that only its length breaks the
/// rule of a label, and it is still a DNS subdomain.
///
/// # Errors
///
/// When there is no part, a part is empty, or the limit has no room for the digests and a character of each part.
///
/// ```
/// use openchoreo_core::naming::generate::generate;
///
/// let name = generate("example", &["Café", "menu"], 63)?;
/// assert!(name.starts_with("caf-menu-"));
/// assert_ne!(generate("example", &["a-b", "c"], 63)?, generate("example", &["a", "b-c"], 63)?);
/// # Ok::<(), openchoreo_core::naming::NameError>(())
/// ```
pub fn generate(what: &'static str, parts: &[&str], limit: usize) -> Result<String, NameError> {
    Recipe::of(what, parts, limit).name()
}

/// What to make a name of, when what is read and what is told apart are not the same.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recipe<'a> {
    /// What is named, for errors.
    pub(crate) what: &'static str,
    /// A literal to begin with, that is never cut.
    pub(crate) prefix: Option<&'static str>,
    /// The parts to be read in the name.
    pub(crate) shown: &'a [&'a str],
    /// The parts that make the identity; the digest is over these.
    pub(crate) identity: &'a [&'a str],
    /// Whether the identity has parts that neither the shown parts nor the namespace of the object tell.
    pub(crate) hides_parts: bool,
    /// Whether the name must begin with a letter, as Services must.
    pub(crate) letter_first: bool,
    /// The greatest length in bytes.
    pub(crate) limit: usize,
}

impl<'a> Recipe<'a> {
    /// The plain recipe: what is read is what is told apart.
    pub(crate) const fn of(what: &'static str, parts: &'a [&'a str], limit: usize) -> Self {
        Self { what, prefix: None, shown: parts, identity: parts, hides_parts: false, letter_first: false, limit }
    }

    /// Makes the name.
    pub(crate) fn name(&self) -> Result<String, NameError> {
        require_parts(self.what, self.identity)?;
        let lead = self.prefix.map(|prefix| format!("{prefix}-")).unwrap_or_default();
        let limit = self.limit.saturating_sub(lead.len());
        let mut readable = Readable::new(self.shown);
        if self.letter_first && !readable.starts_with_letter() {
            readable.texts.insert(0, "n".to_owned());
            readable.faithful = false;
        }
        if readable.faithful && !self.hides_parts {
            let name = readable.join(&digest8(self.identity));
            if name.len() <= limit {
                return Ok(lead + &name);
            }
        }
        let digest = paired(&digest16(self.identity));
        let room = readable.room(self.what, limit, digest.len() + 1)?;
        readable.cut(room);
        Ok(lead + &readable.join(&digest))
    }
}

/// The part itself where it can stand as it is, else a name generated from it; `prefix` is put before either.
///
/// A part that reads like the end of a generated name is never let through as it is, so no part can be chosen that
/// takes the generated name of another.
pub(crate) fn plain_or_generated(
    what: &'static str,
    prefix: Option<&'static str>,
    part: &str,
    limit: usize,
) -> Result<String, NameError> {
    let plain = match prefix {
        Some(prefix) => format!("{prefix}-{part}"),
        None => part.to_owned(),
    };
    let stands = sanitize(part) == part && DnsLabel::try_from(part).is_ok() && plain.len() <= limit;
    if stands && !part.rsplit('-').take(2).all(is_digest_group) {
        return Ok(plain);
    }
    // Not being plain already lost the certainty that the text tells the part, hence the long digest.
    let shown = [part];
    Recipe { prefix, hides_parts: true, ..Recipe::of(what, &shown, limit) }.name()
}

/// Whether a piece between two `-` could be taken for a group of digest digits.
pub(crate) fn is_digest_group(piece: &str) -> bool {
    piece.len() == GROUP && piece.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// Sixteen digits as two groups of eight.
pub(crate) fn paired(digest: &str) -> String {
    let first: String = digest.chars().take(GROUP).collect();
    let second: String = digest.chars().skip(GROUP).collect();
    format!("{first}-{second}")
}

/// Refuses an identity without parts, or with an empty one: that is a missing field, not a name.
pub(crate) fn require_parts(what: &'static str, parts: &[&str]) -> Result<(), NameError> {
    if parts.is_empty() || parts.contains(&"") { Err(NameError::Empty { what }) } else { Ok(()) }
}

/// Parts made readable: each is text that may stand in a DNS label, and none is empty.
#[derive(Clone, Debug)]
pub(crate) struct Readable {
    /// The texts, in order.
    pub(crate) texts: Vec<String>,
    /// Whether every part is still exactly what it was.
    pub(crate) faithful: bool,
}

impl Readable {
    pub(crate) fn new(parts: &[&str]) -> Self {
        let texts: Vec<String> = parts.iter().map(|part| sanitize(part)).collect();
        let faithful = texts.iter().zip(parts).all(|(text, part)| text == part);
        Self { texts: texts.into_iter().filter(|text| !text.is_empty()).collect(), faithful }
    }

    fn starts_with_letter(&self) -> bool {
        self.texts.first().is_some_and(|text| text.starts_with(|first: char| first.is_ascii_lowercase()))
    }

    /// The bytes there are for the texts themselves, once `reserved` bytes and the separators between texts are taken.
    pub(crate) fn room(&self, what: &'static str, limit: usize, reserved: usize) -> Result<usize, NameError> {
        let count = self.texts.len();
        // A separator before each text but the first, and a character of each.
        let separators = count.saturating_sub(1);
        let needed = if count == 0 { reserved.saturating_sub(1) } else { reserved + separators + count };
        if limit < needed {
            return Err(NameError::LimitTooSmall { what, limit, needed });
        }
        Ok(limit.saturating_sub(reserved + separators))
    }

    /// Cuts the texts to `room` bytes in all, fairly: what short texts leave unused goes to the long ones.
    pub(crate) fn cut(&mut self, room: usize) {
        let fitted = |cap: usize| self.texts.iter().map(|text| text.len().min(cap)).sum::<usize>();
        let longest = self.texts.iter().map(String::len).max().unwrap_or_default();
        let cap = (1..=longest).rev().find(|cap| fitted(*cap) <= room).unwrap_or_default();
        let mut spare = room.saturating_sub(fitted(cap));
        for text in &mut self.texts {
            let mut keep = cap;
            if text.len() > cap && spare > 0 {
                keep += 1;
                spare -= 1;
            }
            let cut: String = text.chars().take(keep).collect();
            cut.trim_end_matches('-').clone_into(text);
        }
    }

    fn join(&self, digest: &str) -> String {
        let mut name = self.texts.join("-");
        if !name.is_empty() {
            name.push('-');
        }
        name.push_str(digest);
        name
    }
}

/// The part as text that may stand in a DNS label: ASCII lower-cased, every run of other characters one `-`, none at the
/// ends. Empty when the part has no ASCII letter or digit.
pub(crate) fn sanitize(part: &str) -> String {
    let lower = part.to_ascii_lowercase();
    let pieces = lower.split(|character: char| !character.is_ascii_alphanumeric());
    pieces.filter(|piece| !piece.is_empty()).collect::<Vec<_>>().join("-")
}

/// Upstream's generator, byte for byte.
///
/// Differs from upstream in two ways only: what makes upstream panic is an error here, and a cut that would split a
/// character leaves it out whole, since the split would not be text.
///
/// The result may not be a DNS name (letters of any script, dots and cut ends stay), and lists of parts with their
/// boundaries moved share a name: (`a-b`, `c`) and (`a`, `b-c`). Use [`generate`] for anything new.
///
/// # Errors
///
/// When there is no part, or the limit leaves every part less than nothing.
///
/// ```
/// use openchoreo_core::naming::generate::compat_generate;
///
/// let name = compat_generate("example", &["default-org", "default-project", "hello-world"], 253)?;
/// assert_eq!(name, "default-org-default-project-hello-world-d0366d03");
/// # Ok::<(), openchoreo_core::naming::NameError>(())
/// ```
pub fn compat_generate(what: &'static str, parts: &[&str], limit: usize) -> Result<String, NameError> {
    let count = parts.len();
    if count == 0 {
        return Err(NameError::Empty { what });
    }
    if limit <= GROUP {
        return Err(NameError::LimitTooSmall { what, limit, needed: GROUP + 1 });
    }
    // A limit that holds the digest but not every separator leaves the parts nothing; upstream's name is then the
    // digest alone.
    let room = limit.saturating_sub(GROUP + count);
    let (share, rest) = (room / count, room % count);
    let mut name = String::new();
    for (index, part) in parts.iter().enumerate() {
        let keep = share + usize::from(index < rest);
        name.push_str(cut_at_character(&compat_sanitize(part), keep));
        name.push('-');
    }
    name.push_str(&compat_digest8(parts));
    Ok(name.trim_matches(|character| !is_letter_or_number(character)).to_owned())
}

fn compat_sanitize(part: &str) -> String {
    let kept: String = part
        .chars()
        .map(simple_lower_case)
        .map(|character| if is_letter_or_number(character) || character == '.' { character } else { '-' })
        .collect();
    kept.trim_matches(['-', '.']).to_owned()
}

/// The lower case of one character as one character. Only `İ` has a longer lower case, and its first is the simple one.
fn simple_lower_case(character: char) -> char {
    character.to_lowercase().next().unwrap_or(character)
}

/// Whether the character is in a Unicode category L* or N*; `char::is_alphanumeric` also takes marks and symbols.
fn is_letter_or_number(character: char) -> bool {
    matches!(
        get_general_category(character),
        GeneralCategory::UppercaseLetter
            | GeneralCategory::LowercaseLetter
            | GeneralCategory::TitlecaseLetter
            | GeneralCategory::ModifierLetter
            | GeneralCategory::OtherLetter
            | GeneralCategory::DecimalNumber
            | GeneralCategory::LetterNumber
            | GeneralCategory::OtherNumber
    )
}

fn cut_at_character(text: &str, bytes: usize) -> &str {
    let ends = text.char_indices().map(|(start, character)| start + character.len_utf8());
    let end = ends.take_while(|end| *end <= bytes).last().unwrap_or_default();
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(parts: &[&str], room: usize) -> Vec<String> {
        let mut readable = Readable::new(parts);
        readable.cut(room);
        readable.texts
    }

    #[test]
    fn a_part_that_cannot_stand_as_it_is_is_told_by_sixteen_digits() {
        for part in ["Shop", "shöp", "shop-0123abcd-4567ef89", &"s".repeat(64)] {
            let name = plain_or_generated("the name", None, part, 63).expect("a name");
            assert!(name.ends_with(&paired(&digest16(&[part]))), "{part}: {name}");
        }
        assert_eq!(plain_or_generated("the name", Some("ci"), "shop", 63).as_deref(), Ok("ci-shop"));
    }

    #[test]
    fn room_that_short_parts_leave_goes_to_long_ones() {
        assert_eq!(cut(&["dp", "organization", "project"], 17), ["dp", "organiza", "project"]);
        assert_eq!(cut(&["aaaa", "bbbb", "cccc"], 7), ["aaa", "bb", "cc"]);
        assert_eq!(cut(&["a", "b"], 2), ["a", "b"]);
    }

    #[test]
    fn a_cut_never_leaves_a_separator_at_the_end() {
        assert_eq!(cut(&["ab-cd", "x"], 4), ["ab", "x"]);
    }

    #[test]
    fn a_part_is_reduced_to_what_a_label_may_hold() {
        for (part, expected) in [
            ("My_Project$", "my-project"),
            ("a..b--c", "a-b-c"),
            ("---", ""),
            ("日本", ""),
            ("Café", "caf"),
            ("-x-", "x"),
            ("İstanbul", "stanbul"),
        ] {
            assert_eq!(sanitize(part), expected, "{part}");
        }
    }

    #[test]
    fn a_limit_too_small_is_an_error_that_says_how_much_is_needed() {
        let error = generate("example", &["abcdefg", "hijklmn"], 12).unwrap_err();
        assert_eq!(error, NameError::LimitTooSmall { what: "example", limit: 12, needed: 21 });
        assert_eq!(generate("example", &["abcdefg", "hijklmn"], 21).unwrap().len(), 21);
    }

    #[test]
    fn what_makes_upstream_panic_is_an_error() {
        assert_eq!(compat_generate("example", &[], 63), Err(NameError::Empty { what: "example" }));
        assert!(matches!(compat_generate("example", &["a"], 8), Err(NameError::LimitTooSmall { .. })));
    }

    #[test]
    fn compatible_names_keep_letters_and_numbers_of_any_script_but_no_marks() {
        // U+0301 is a combining accent: alphabetic nowhere, and U+0E31 is a vowel sign: alphabetic, but a mark.
        assert_eq!(compat_sanitize("e\u{301}x"), "e-x");
        assert_eq!(compat_sanitize("ก\u{e31}น"), "ก-น");
        assert_eq!(compat_sanitize("ⅫＡ"), "ⅻａ");
    }

    #[test]
    fn a_name_that_reads_like_a_generated_one_does_not_stand_as_it_is() {
        let long = "x".repeat(80);
        let generated = plain_or_generated("example", None, &long, 63).unwrap();
        assert_ne!(plain_or_generated("example", None, &generated, 63).unwrap(), generated);
        assert_eq!(plain_or_generated("example", None, "plain", 63).unwrap(), "plain");
    }
}
