//! Paths of requests, brought into the form in which a proxy compares them.
//!
//! As Envoy Gateway sets its proxies up by default: dot segments are resolved and slashes merged before a route is looked
//! for, and a client that escaped a slash is sent to the path with the slash. What a client writes so does not get around
//! what protects a path.

use std::borrow::Cow;

/// The path with the slashes that were escaped, where any were: whoever wrote it is redirected there.
pub(super) fn with_slashes(path: &str) -> Option<String> {
    let escapes = [("%2F", "/"), ("%2f", "/"), ("%5C", "\\"), ("%5c", "\\")];
    let is_there = escapes.iter().any(|(escape, _)| path.contains(escape));
    is_there.then(|| escapes.iter().fold(path.to_owned(), |path, (escape, slash)| path.replace(escape, slash)))
}

/// The path that is compared: without escapes that are not needed, dot segments and doubled slashes.
pub(super) fn normalized(path: &str) -> Cow<'_, str> {
    let is_plain = !path.contains(['%', '\\']) && !path.contains("/.") && !path.contains("//");
    if is_plain || !path.starts_with('/') {
        return Cow::Borrowed(path);
    }
    let plain = without_needless_escapes(path).replace('\\', "/");
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = plain.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        if segment == ".." {
            kept.pop();
        }
        match segment {
            // A path that ends with a dot segment is that of a folder.
            "." | ".." if is_last => kept.push(""),
            "." | ".." => {}
            other => kept.push(other),
        }
    }
    let ends_with_slash = kept.last().is_some_and(|last| last.is_empty());
    let joined = kept.into_iter().filter(|segment| !segment.is_empty()).collect::<Vec<_>>().join("/");
    let end = if ends_with_slash && !joined.is_empty() { "/" } else { "" };
    Cow::Owned(format!("/{joined}{end}"))
}

/// Writes the characters out that need no escape (RFC 3986, 2.3).
fn without_needless_escapes(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('%') {
        text.push_str(before);
        let code = after.get(..2).and_then(|code| u8::from_str_radix(code, 16).ok()).map(char::from);
        match code.filter(|c| c.is_ascii_alphanumeric() || "-._~".contains(*c)) {
            Some(character) => {
                text.push(character);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                text.push('%');
                rest = after;
            }
        }
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_one_form() {
        let cases = [
            ("/", "/"),
            ("/a/b", "/a/b"),
            ("/a/b/", "/a/b/"),
            ("/a/../b", "/b"),
            ("/a/./b", "/a/b"),
            ("/a/b/..", "/a/"),
            ("/a/.", "/a/"),
            ("/../../a", "/a"),
            ("/..", "/"),
            ("/a//b", "/a/b"),
            ("//a", "/a"),
            ("/a//", "/a/"),
            ("//", "/"),
            // Dots come before slashes: the empty segment is what is left.
            ("/a//../b", "/a/b"),
            ("/a/%2e%2E/b", "/b"),
            ("/%61%7Eb%20c", "/a~b%20c"),
            ("/a%", "/a%"),
            ("/a%4", "/a%4"),
            ("/a%é", "/a%é"),
            ("/a\\..\\b", "/b"),
            ("/.well-known/x", "/.well-known/x"),
            ("/a.b/..c", "/a.b/..c"),
            ("*", "*"),
        ];
        for (written, expected) in cases {
            assert_eq!(normalized(written), expected, "{written}");
            assert_eq!(normalized(expected), expected, "{expected}");
        }
    }

    #[test]
    fn an_escaped_slash_is_told_apart() {
        assert_eq!(with_slashes("/a%2Fb%5cc").as_deref(), Some("/a/b\\c"));
        assert_eq!(with_slashes("/a%20b"), None);
    }
}
