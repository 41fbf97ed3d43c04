//! Who checks signatures of tokens, and with which keys.
//!
//! No key is fetched here. Whoever evaluates gives the published sets that it knows; a token whose keys nobody has is
//! refused. The algorithms are those of Envoy's `jwt_authn` that `ring` has: RS, PS and HS with SHA-2, ES256, ES384
//! and Ed25519.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::{hmac, signature};
use serde::Deserialize;

/// Where the keys are that a token must be signed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeySource<'a> {
    /// Published at a URL.
    Remote(&'a str),
    /// Written in the cluster, as a JSON Web Key Set (RFC 7517).
    Local(&'a str),
}

/// Why a signature does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The keys are not known.
    #[error("the keys of the token's issuer are not known")]
    NoKeys,
    /// No key fits.
    #[error("the token was not signed with a known key")]
    Mismatch,
}

/// Says whether a token was signed with keys. Issuer, audience, times and claims are not its business.
///
/// Closures of the same form are verifiers too, for tests that are not about signatures.
pub trait TokenVerifier {
    /// Checks the signature of a token in compact form.
    ///
    /// # Errors
    /// The signature does not count.
    fn verify(&self, token: &str, keys: KeySource<'_>) -> Result<(), SignatureError>;
}

impl<F> TokenVerifier for F
where
    F: Fn(&str, KeySource<'_>) -> Result<(), SignatureError>,
{
    fn verify(&self, token: &str, keys: KeySource<'_>) -> Result<(), SignatureError> {
        self(token, keys)
    }
}

/// The published key sets that are known, by URL.
///
/// ```
/// use openchoreo_embedded::simulators::gateway::{KeySets, KeySource, SignatureError, TokenVerifier};
/// let none = KeySets::default();
/// let keys = KeySource::Remote("https://keys.example/jwks");
/// assert_eq!(none.verify("e30.e30.AAAA", keys), Err(SignatureError::NoKeys));
/// ```
#[derive(Debug, Clone, Default)]
pub struct KeySets {
    published: BTreeMap<String, String>,
}

impl KeySets {
    /// Adds what is published at a URL, as JSON text.
    #[must_use]
    pub fn with(mut self, url: impl Into<String>, set: impl Into<String>) -> Self {
        self.published.insert(url.into(), set.into());
        self
    }
}

impl TokenVerifier for KeySets {
    fn verify(&self, token: &str, keys: KeySource<'_>) -> Result<(), SignatureError> {
        let set = match keys {
            KeySource::Local(set) => set,
            KeySource::Remote(url) => self.published.get(url).ok_or(SignatureError::NoKeys)?,
        };
        let set: KeySet = serde_json::from_str(set).map_err(|_| SignatureError::NoKeys)?;
        if set.keys.is_empty() {
            return Err(SignatureError::NoKeys);
        }
        let signed = Signed::read(token).ok_or(SignatureError::Mismatch)?;
        if set.keys.iter().any(|key| signed.is_by(key)) { Ok(()) } else { Err(SignatureError::Mismatch) }
    }
}

#[derive(Debug, Deserialize)]
struct KeySet {
    keys: Vec<WebKey>,
}

/// A JSON Web Key. Members of other kinds of keys, and whatever else a set holds, are left alone.
#[derive(Deserialize)]
#[serde(default)]
struct WebKey {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    crv: String,
    n: String,
    e: String,
    x: String,
    y: String,
    k: String,
}

impl Default for WebKey {
    fn default() -> Self {
        let empty = String::new;
        Self {
            kty: empty(),
            kid: None,
            alg: None,
            crv: empty(),
            n: empty(),
            e: empty(),
            x: empty(),
            y: empty(),
            k: empty(),
        }
    }
}

impl std::fmt::Debug for WebKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("WebKey").field("kty", &self.kty).field("kid", &self.kid).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
}

/// A token, taken apart.
struct Signed<'t> {
    header: Header,
    message: &'t [u8],
    signature: Vec<u8>,
}

impl<'t> Signed<'t> {
    fn read(token: &'t str) -> Option<Self> {
        let (message, signature) = token.rsplit_once('.')?;
        let (header, _) = message.split_once('.')?;
        Some(Self {
            header: serde_json::from_slice(&decoded(header)?).ok()?,
            message: message.as_bytes(),
            signature: decoded(signature)?,
        })
    }

    fn is_by(&self, key: &WebKey) -> bool {
        let Header { alg, kid } = &self.header;
        let named = kid.is_none() || key.kid.is_none() || kid == &key.kid;
        let meant = key.alg.as_ref().is_none_or(|of_key| of_key == alg);
        named && meant && self.fits(key).unwrap_or(false)
    }

    /// Whether the signature fits the key; nothing where the key is none, or is of another kind than the signature.
    fn fits(&self, key: &WebKey) -> Option<bool> {
        // The kind of the key is part of the choice: a public key must never serve as a shared secret.
        match (self.header.alg.as_str(), key.kty.as_str(), key.crv.as_str()) {
            ("RS256", "RSA", _) => self.rsa(key, &signature::RSA_PKCS1_2048_8192_SHA256),
            ("RS384", "RSA", _) => self.rsa(key, &signature::RSA_PKCS1_2048_8192_SHA384),
            ("RS512", "RSA", _) => self.rsa(key, &signature::RSA_PKCS1_2048_8192_SHA512),
            ("PS256", "RSA", _) => self.rsa(key, &signature::RSA_PSS_2048_8192_SHA256),
            ("PS384", "RSA", _) => self.rsa(key, &signature::RSA_PSS_2048_8192_SHA384),
            ("PS512", "RSA", _) => self.rsa(key, &signature::RSA_PSS_2048_8192_SHA512),
            ("ES256", "EC", "P-256") => self.curve(key, &signature::ECDSA_P256_SHA256_FIXED),
            ("ES384", "EC", "P-384") => self.curve(key, &signature::ECDSA_P384_SHA384_FIXED),
            ("EdDSA", "OKP", "Ed25519") => {
                let key = signature::UnparsedPublicKey::new(&signature::ED25519, decoded(&key.x)?);
                Some(key.verify(self.message, &self.signature).is_ok())
            }
            ("HS256", "oct", _) => self.shared(key, hmac::HMAC_SHA256),
            ("HS384", "oct", _) => self.shared(key, hmac::HMAC_SHA384),
            ("HS512", "oct", _) => self.shared(key, hmac::HMAC_SHA512),
            _ => None,
        }
    }

    fn rsa(&self, key: &WebKey, algorithm: &signature::RsaParameters) -> Option<bool> {
        let key = signature::RsaPublicKeyComponents { n: decoded(&key.n)?, e: decoded(&key.e)? };
        Some(key.verify(algorithm, self.message, &self.signature).is_ok())
    }

    fn curve(&self, key: &WebKey, algorithm: &'static signature::EcdsaVerificationAlgorithm) -> Option<bool> {
        // A point in uncompressed form (SEC 1, 2.3.3).
        let point = [vec![0x04], decoded(&key.x)?, decoded(&key.y)?].concat();
        Some(signature::UnparsedPublicKey::new(algorithm, point).verify(self.message, &self.signature).is_ok())
    }

    fn shared(&self, key: &WebKey, algorithm: hmac::Algorithm) -> Option<bool> {
        let secret = decoded(&key.k).filter(|secret| !secret.is_empty())?;
        Some(hmac::verify(&hmac::Key::new(algorithm, &secret), self.message, &self.signature).is_ok())
    }
}

/// What a part of a token holds.
pub(super) fn decoded(part: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok()
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;
    use ring::signature::KeyPair as _;
    use serde_json::{Value, json};

    use super::*;

    // A key that was made for this test and thrown away, and what it signed: `{"alg":…}.{}`.
    const MODULUS: &str = concat!(
        "zsT0SqDvXqgdUZwi78Nru406WF-BtEkZe3o5mK6S5Nh11zYuy9H_YHL7TKN8iNPZJyAhaS8JsMWvbHECylXo3MvwDgVWXSVB",
        "aI42aIGiBc5wcV1VqU_s2gbu54GLW3Hqdg05VyRZ-qN_XelXiPIOiyTGqkjJFonL5OhVbOF2ZYQYmGPO-dmHLFdKG7LONPF-",
        "5l6RKLfttZ4zYcYCwsudNBSUSre4v9vZr61Zjy5Eg-BB24nZr93lrSpyJDqPxWw3CPBOYU8Rv7BnbIrLGG4QNcmRpIcNcNlr",
        "pXe377H9Ruahu5FZJtA7HNodR70ynniYc1eb-bab9cM93R3E2Fb-2w",
    );
    const RS256: &str = concat!(
        "eyJhbGciOiJSUzI1NiJ9.e30.CEpl_i3LmP4lY73u7eHLZkIkbs6l9Rbih8WQlbJPfMrthV9ns9ib8X6zea_YFQSj-q7amkX",
        "5TihfoYoLOvXtm1lnLlnEYxPUPtHVP2IsjG55VPnkNU8MAPgkRxO8quqlsqvDP6-ImA_PrVETIGsfRjH-sSb0T3b28JdK-TU",
        "mA3tGh4t6lGytDRhC8REAfv3yW4bvcJvmXaF6p_FOBaMKmVTVwz7nDou2NijvE-RJx2Dkc1cug877_2AW5yTzA9HwSgTQRYJ",
        "3dyKBYLs6B7IiILz87Oo_4khS9QqhdZ6X5vOOhQBNXomKF443QWjjtfgsLydsO2ii-tLPJ0wGBsJFSQ",
    );
    const PS256: &str = concat!(
        "eyJhbGciOiJQUzI1NiJ9.e30.CF49zx82FguNGcn1qDRv3K4WloeYvsJQjjh5cNV_r5exb7onqa2xEBI9F-eJUOBGU07ExFA",
        "qIDx2SX9Bn_fzfUzHxBvYgwG9aa-Q8568hNqy1rLdjFAb5MLkWi_dsT3XckSKD7vjIOsnRp70nuje2WPceMn6NOlNzK6xPph",
        "1LvlLnBEcW8Vg4G3fds8L3Pz2WpOt1yChS3_wJe5xwAfSXUr6Ne9Wk0RuYHxkmdMSjHbhXqvx-0kNKxpluDLhdnJBDrzInSO",
        "4yEKYjyEpNAXagdhXKFZj2-6U2sKgIzBeQ_kHpWQl9A-QhvEzJ7hH-6CxR1vFuG1VaMRGLCbOloW_3Q",
    );

    fn verified(key: &Value, token: &str) -> Result<(), SignatureError> {
        KeySets::default().verify(token, KeySource::Local(&json!({ "keys": [key] }).to_string()))
    }

    /// A token that somebody signs.
    fn signed(header: Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
        let message = format!("{}.e30", URL_SAFE_NO_PAD.encode(header.to_string()));
        let signature = URL_SAFE_NO_PAD.encode(sign(message.as_bytes()));
        format!("{message}.{signature}")
    }

    fn curve_key(algorithm: &'static signature::EcdsaSigningAlgorithm) -> signature::EcdsaKeyPair {
        let random = SystemRandom::new();
        let document = signature::EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        signature::EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap()
    }

    #[test]
    fn signatures_of_every_kind_are_checked_with_the_public_key() {
        let random = SystemRandom::new();
        let rsa = json!({ "kty": "RSA", "n": MODULUS, "e": "AQAB" });
        let mut cases = vec![(rsa.clone(), RS256.to_owned()), (rsa, PS256.to_owned())];
        let curves = [
            ("ES256", "P-256", &signature::ECDSA_P256_SHA256_FIXED_SIGNING),
            ("ES384", "P-384", &signature::ECDSA_P384_SHA384_FIXED_SIGNING),
        ];
        for (alg, curve, algorithm) in curves {
            let pair = curve_key(algorithm);
            let point = &pair.public_key().as_ref()[1..];
            let (x, y) = point.split_at(point.len() / 2);
            let key =
                json!({ "kty": "EC", "crv": curve, "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y) });
            let sign = |message: &[u8]| pair.sign(&random, message).unwrap().as_ref().to_vec();
            cases.push((key, signed(json!({ "alg": alg }), sign)));
        }
        let pair = signature::Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
        let key = json!({ "kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(pair.public_key()) });
        cases.push((key, signed(json!({ "alg": "EdDSA" }), |message| pair.sign(message).as_ref().to_vec())));
        for (index, (key, token)) in cases.iter().enumerate() {
            assert_eq!(verified(key, token), Ok(()), "{key}");
            // Neither with another key nor with another text.
            let (other, _) = &cases[(index + 2) % cases.len()];
            assert_eq!(verified(other, token), Err(SignatureError::Mismatch), "{token} with {other}");
            assert_eq!(verified(key, &token.replacen(".e30.", ".e31.", 1)), Err(SignatureError::Mismatch), "{token}");
        }
    }

    #[test]
    fn a_public_key_is_no_shared_secret() {
        let secret = |key: &str| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
            signed(json!({ "alg": "HS256" }), |message| hmac::sign(&key, message).as_ref().to_vec())
        };
        let public = json!({ "kty": "RSA", "n": MODULUS, "e": "AQAB", "k": URL_SAFE_NO_PAD.encode(MODULUS) });
        assert_eq!(verified(&public, &secret(MODULUS)), Err(SignatureError::Mismatch));
        let empty = json!({ "kty": "oct", "k": "" });
        assert_eq!(verified(&empty, &secret("")), Err(SignatureError::Mismatch));
        let shared = json!({ "kty": "oct", "k": URL_SAFE_NO_PAD.encode("s"), "kid": "1", "alg": "HS256" });
        assert_eq!(verified(&shared, &secret("s")), Ok(()));
    }

    #[test]
    fn a_key_is_used_for_what_it_says() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"s");
        let token = |header| signed(header, |message| hmac::sign(&key, message).as_ref().to_vec());
        let key = json!({ "kty": "oct", "k": URL_SAFE_NO_PAD.encode("s"), "kid": "1", "alg": "HS256" });
        assert_eq!(verified(&key, &token(json!({ "alg": "HS256", "kid": "1" }))), Ok(()));
        for header in
            [json!({ "alg": "HS256", "kid": "2" }), json!({ "alg": "none" }), json!({}), json!({ "alg": "HS512" })]
        {
            assert_eq!(verified(&key, &token(header.clone())), Err(SignatureError::Mismatch), "{header}");
        }
        for set in ["", "[]", "{}", r#"{"keys":[]}"#, r#"{"keys":[{"kty":1}]}"#] {
            let outcome = KeySets::default().verify(RS256, KeySource::Local(set));
            assert_eq!(outcome, Err(SignatureError::NoKeys), "{set}");
        }
    }
}
