//! Server-side apply of any text.
//!
//! What is applied is read as YAML by an API server, also where it is JSON: there some characters may not stand, and some
//! are line breaks that become spaces. They are written as escapes.

use kube::Api;
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::core::Request;
use serde_json::Value;

/// Applies an object, or its status, and gives what the server made of it.
///
/// # Errors
/// The server cannot be asked, or refuses.
pub async fn apply(
    api: &Api<DynamicObject>,
    name: &str,
    parameters: &PatchParams,
    object: &Value,
    to_status: bool,
) -> Result<DynamicObject, kube::Error> {
    let request = Request::new(api.resource_url());
    let patch = Patch::Apply(object);
    let request = if to_status {
        request.patch_subresource("status", name, parameters, &patch)
    } else {
        request.patch(name, parameters, &patch)
    };
    let request = request.map_err(kube::Error::BuildRequest)?.map(escaped);
    api.clone().into_client().request(request).await
}

/// A JSON text in which every character is one that YAML takes for itself. Such characters are only within strings.
fn escaped(body: Vec<u8>) -> Vec<u8> {
    let special =
        |c: char| matches!(c, '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}');
    match String::from_utf8(body) {
        Ok(text) if text.contains(special) => {
            let write = |c: char| if special(c) { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() };
            text.chars().map(write).collect::<String>().into_bytes()
        }
        Ok(text) => text.into_bytes(),
        Err(error) => error.into_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn a_text_stays_the_same_without_what_yaml_reads_differently() {
        let text = "a\u{7f}b\u{85}c\u{2028}d\u{feff}e\u{ffff}f\u{1}g\u{1F980}hä\\n\n";
        let body = escaped(serde_json::to_vec(text).unwrap_or_default());
        assert_eq!(serde_json::from_slice::<String>(&body).ok().as_deref(), Some(text));
        assert!(!String::from_utf8_lossy(&body).contains(['\u{7f}', '\u{85}', '\u{2028}', '\u{feff}', '\u{ffff}']));
    }
}
