//! References to container images, and the registries and paths that they are below.
//!
//! Read as container runtimes read them: without a registry Docker Hub is meant, there without an organization `library`.
//! Two texts that name one repository are equal here, so that none slips past a rule by the way it is written. Whether an
//! image exists, and who may run it, is not decided here.

use std::fmt;
use std::str::FromStr;

use super::NameError;

const REFERENCE: &str = "image reference";
const REFERENCE_RULE: &str =
    "`[registry[:port]/]path[:tag][@digest]` with the path in lower case, such as `registry.example.com/shop/cart:v1`";
const PREFIX: &str = "registry";
const PREFIX_RULE: &str = "`registry[:port][/path]`, such as `registry.example.com:5000` or `ghcr.io/acme`";

/// The registry that is meant where none is written.
const DEFAULT_REGISTRY: &str = "docker.io";
/// What the default registry is called too.
const DEFAULT_REGISTRY_ALIAS: &str = "index.docker.io";
/// Where the default registry keeps images without an organization.
const DEFAULT_PATH: &str = "library";
/// The longest registry and repository together, in bytes.
const NAME_LIMIT: usize = 255;
/// The longest tag, in bytes.
const TAG_LIMIT: usize = 128;

/// A reference to an image, complete with the registry that is meant.
///
/// ```
/// use openchoreo_core::naming::ImageReference;
///
/// let image: ImageReference = "registry.example.com:5000/acme/shop/cart:v1".parse()?;
/// assert_eq!((image.registry(), image.repository()), ("registry.example.com:5000", "acme/shop/cart"));
///
/// let image: ImageReference = "nginx".parse()?;
/// assert_eq!(image.to_string(), "docker.io/library/nginx");
///
/// assert!("registry.example.com/Shop:v1".parse::<ImageReference>().is_err());
/// # Ok::<(), openchoreo_core::naming::NameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageReference {
    place: ImagePrefix,
    tag: Option<String>,
    digest: Option<String>,
}

impl ImageReference {
    /// Host, and port where one is written, in lower case.
    pub fn registry(&self) -> &str {
        &self.place.registry
    }

    /// The path of the repository in its registry.
    pub fn repository(&self) -> &str {
        &self.place.path
    }

    /// The tag.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, with its algorithm.
    pub fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }

    /// The registry, and every path in it that the repository is below, the shortest first.
    pub fn prefixes(&self) -> impl Iterator<Item = ImagePrefix> + '_ {
        let paths = self.place.path.match_indices('/').filter_map(|(end, _)| self.place.path.get(..end));
        std::iter::once("")
            .chain(paths)
            .map(|path| ImagePrefix { registry: self.place.registry.clone(), path: path.to_owned() })
    }
}

impl FromStr for ImageReference {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty { what: REFERENCE });
        }
        let invalid = || NameError::Invalid { what: REFERENCE, value: text.to_owned(), rule: REFERENCE_RULE };
        let (named, digest) = match text.split_once('@') {
            Some((named, digest)) => (named, Some(digest)),
            None => (text, None),
        };
        // A colon before the last `/` belongs to a port.
        let tag_at = named.rfind(':').filter(|colon| named.get(*colon..).is_some_and(|rest| !rest.contains('/')));
        let (name, tag) = match tag_at.and_then(|colon| named.split_at_checked(colon)) {
            Some((name, tag)) => (name, Some(tag.strip_prefix(':').unwrap_or_default())),
            None => (named, None),
        };
        if name.len() > NAME_LIMIT {
            let (value, actual) = (text.to_owned(), name.len());
            return Err(NameError::TooLong { what: REFERENCE, value, limit: NAME_LIMIT, actual });
        }
        let mut place = ImagePrefix::read(name).filter(|place| !place.path.is_empty()).ok_or_else(invalid)?;
        if place.registry == DEFAULT_REGISTRY && !place.path.contains('/') {
            place.path = format!("{DEFAULT_PATH}/{}", place.path);
        }
        if !tag.is_none_or(is_tag) || !digest.is_none_or(is_digest) {
            return Err(invalid());
        }
        Ok(Self { place, tag: tag.map(str::to_owned), digest: digest.map(str::to_owned) })
    }
}

impl fmt::Display for ImageReference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.place)?;
        self.tag.iter().try_for_each(|tag| write!(formatter, ":{tag}"))?;
        self.digest.iter().try_for_each(|digest| write!(formatter, "@{digest}"))
    }
}

/// A registry, or a path in one, that images are below.
///
/// ```
/// use openchoreo_core::naming::{ImagePrefix, ImageReference};
///
/// let own: ImagePrefix = "ghcr.io/acme".parse()?;
/// let image: ImageReference = "ghcr.io/acme/cart:v1".parse()?;
/// assert_eq!(own.below(&image), Some("cart"));
/// assert_eq!(own.below(&"ghcr.io/acme-web/cart:v1".parse()?), None);
/// # Ok::<(), openchoreo_core::naming::NameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImagePrefix {
    registry: String,
    /// Empty for all of the registry.
    path: String,
}

impl ImagePrefix {
    /// What is left of an image's repository below this; nothing where the image is elsewhere, or is exactly this.
    pub fn below<'i>(&self, image: &'i ImageReference) -> Option<&'i str> {
        if self.registry != image.place.registry {
            return None;
        }
        match self.path.as_str() {
            "" => Some(&image.place.path),
            path => image.place.path.strip_prefix(path)?.strip_prefix('/'),
        }
    }

    /// Whether an image is below this, or is exactly this.
    pub fn covers(&self, image: &ImageReference) -> bool {
        *self == image.place || self.below(image).is_some()
    }

    /// Reads a list with commas between the entries.
    ///
    /// # Errors
    /// The list is empty, or an entry is none.
    pub fn list(text: &str) -> Result<Vec<Self>, NameError> {
        text.split(',').map(|entry| entry.trim().parse()).collect()
    }

    /// The parts of a name: its registry, which is the first segment where that looks like a host, and the path. Runtimes
    /// take a first segment with an upper-case letter for a host too; in lower case it would be a path, so it is refused.
    fn read(name: &str) -> Option<Self> {
        let is_host = |first: &str| first.contains(['.', ':', '[']) || first.eq_ignore_ascii_case("localhost");
        let (registry, path) = match name.split_once('/') {
            Some((first, path)) if is_host(first) => (first, path),
            Some(_) => (DEFAULT_REGISTRY, name),
            None => (DEFAULT_REGISTRY, name),
        };
        let registry = match registry.to_ascii_lowercase() {
            alias if alias == DEFAULT_REGISTRY_ALIAS => DEFAULT_REGISTRY.to_owned(),
            registry => registry,
        };
        let is_path = path.split('/').all(is_segment);
        (is_registry(&registry) && is_path).then(|| Self { registry, path: path.to_owned() })
    }
}

impl FromStr for ImagePrefix {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty { what: PREFIX });
        }
        let name = text.strip_suffix('/').unwrap_or(text);
        // Alone, a registry must look like a host, or it is a path of the default one.
        let is_whole = !name.contains('/') && (name.contains(['.', ':', '[']) || name == "localhost");
        let read = if is_whole {
            let registry = Self::read(&format!("{name}/x"));
            registry.map(|registry| Self { path: String::new(), ..registry })
        } else {
            Self::read(name)
        };
        read.ok_or_else(|| NameError::Invalid { what: PREFIX, value: text.to_owned(), rule: PREFIX_RULE })
    }
}

impl fmt::Display for ImagePrefix {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.registry)?;
        if self.path.is_empty() { Ok(()) } else { write!(formatter, "/{}", self.path) }
    }
}

/// A host name or address, and a port where one is given.
fn is_registry(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, "")) => (address, None),
            Some((address, port)) => (address, Some(port.strip_prefix(':').unwrap_or_default())),
            None => return false,
        },
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    let is_host =
        if text.starts_with('[') { host.parse::<std::net::Ipv6Addr>().is_ok() } else { host.split('.').all(is_label) };
    // A port is digits only: a number that is written with a sign would be read too.
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok();
    is_host && port.is_none_or(is_port)
}

/// Lower-case letters and digits, joined by `.`, `_`, `__` or a run of `-`.
fn is_segment(text: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let edges = text.bytes().next().is_some_and(is_inner) && text.bytes().next_back().is_some_and(is_inner);
    let mut joints = text.split(|character: char| character.is_ascii_lowercase() || character.is_ascii_digit());
    edges && joints.all(|joint| matches!(joint, "" | "." | "_" | "__") || joint.bytes().all(|byte| byte == b'-'))
}

fn is_tag(text: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    text.len() <= TAG_LIMIT
        && text.bytes().next().is_some_and(is_word)
        && text.bytes().all(|byte| is_word(byte) || matches!(byte, b'.' | b'-'))
}

fn is_digest(text: &str) -> bool {
    let Some((algorithm, digits)) = text.split_once(':') else { return false };
    let is_part = |part: &str| part.starts_with(|first: char| first.is_ascii_lowercase()) && part.bytes().all(is_plain);
    algorithm.split(['+', '.', '_', '-']).all(is_part)
        && (32..=256).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Option<String> {
        text.parse::<ImageReference>().ok().map(|image| image.to_string())
    }

    #[test]
    fn references_are_read_as_runtimes_read_them() {
        let digest = format!("sha256:{}", "0".repeat(64));
        let cases = [
            ("nginx", "docker.io/library/nginx"),
            ("nginx:1.2", "docker.io/library/nginx:1.2"),
            ("acme/cart", "docker.io/acme/cart"),
            ("index.docker.io/nginx", "docker.io/library/nginx"),
            ("DOCKER.IO/library/nginx", "docker.io/library/nginx"),
            ("localhost/a", "localhost/a"),
            ("registry:5000/a", "registry:5000/a"),
            ("127.0.0.1:5000/a/b", "127.0.0.1:5000/a/b"),
            ("[::1]:5000/a", "[::1]:5000/a"),
            ("Registry.Example.COM/a", "registry.example.com/a"),
            ("a.b/c_d/e__f/g--h/i.j:V1", "a.b/c_d/e__f/g--h/i.j:V1"),
        ];
        for (text, wanted) in cases {
            assert_eq!(read(text).as_deref(), Some(wanted), "{text}");
        }
        assert_eq!(read(&format!("a.b/c:v1@{digest}")), Some(format!("a.b/c:v1@{digest}")));
        for bad in [
            "",
            "a b",
            "a.b/",
            "a.b/C",
            "a.b//c",
            "a.b/../c",
            "a.b/c:",
            "a.b/c:-x",
            "a.b/c@",
            "a.b/c@sha256:0",
            "a.b:x/c",
            "a.b:70000/c",
            "a.b:+80/c",
            "-a.b/c",
            "a..b/c",
            "a.b/c___d",
            "https://a.b/c",
            "a.b/c:v1:v2",
            "a.b/c%2fd",
            "/c",
            "A/c",
            "a.b/c@sha256:1@sha256:2",
            "[::1/a",
            "a.b/\u{e4}",
            "a.b/c\n",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(read(&format!("a.b/{}", "c".repeat(260))), None);
        assert_eq!(read(&format!("a.b/c:{}", "v".repeat(129))), None);
    }

    #[test]
    fn prefixes_end_where_segments_do() {
        let prefix = |text: &str| text.parse::<ImagePrefix>().expect("a prefix");
        let image: ImageReference = "registry.example.com:5000/acme/shop/cart:1".parse().expect("an image");
        for (text, below) in [
            ("registry.example.com:5000", Some("acme/shop/cart")),
            ("registry.example.com:5000/", Some("acme/shop/cart")),
            ("Registry.Example.com:5000/acme", Some("shop/cart")),
            ("registry.example.com:5000/acme/shop/cart", None),
            ("registry.example.com:5000/ac", None),
            ("registry.example.com", None),
            ("acme", None),
        ] {
            assert_eq!(prefix(text).below(&image), below, "{text}");
        }
        assert!(prefix("registry.example.com:5000/acme/shop/cart").covers(&image));
        assert_eq!(prefix("acme").to_string(), "docker.io/acme");
        assert_eq!(prefix("docker.io").to_string(), "docker.io");
        let all: Vec<String> = image.prefixes().map(|prefix| prefix.to_string()).collect();
        let registry = "registry.example.com:5000";
        assert_eq!(all, [registry.to_owned(), format!("{registry}/acme"), format!("{registry}/acme/shop")]);
        for bad in ["", "a b", "https://a.b", "a.b//c", "a.b/C", "*"] {
            assert!(bad.parse::<ImagePrefix>().is_err(), "{bad}");
        }
        assert!(ImagePrefix::list("ghcr.io, docker.io/acme").is_ok_and(|list| list.len() == 2));
        assert!(ImagePrefix::list("").is_err());
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_as_it_is_read(text in "[a-zA-Z0-9._/:@\\[\\]-]{0,40}") {
            if let Ok(image) = text.parse::<ImageReference>() {
                let written = image.to_string();
                prop_assert_eq!(written.parse::<ImageReference>(), Ok(image.clone()));
                prop_assert!(image.prefixes().all(|prefix| prefix.covers(&image)));
            }
        }
    }
}
