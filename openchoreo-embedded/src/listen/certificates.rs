//! Keys and certificates of a listener, made when it starts and kept in memory only.

use std::fmt;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use super::ListenError;
use crate::auth::User;

/// A certificate authority whose key lives in this process.
#[derive(Clone)]
pub struct Authority(Arc<Parts>);

struct Parts {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    certificate: CertificateDer<'static>,
}

impl fmt::Debug for Authority {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Authority").finish_non_exhaustive()
    }
}

/// A certificate with its key.
pub(super) struct Identity {
    pub(super) certificate: String,
    pub(super) key: String,
    pub(super) certificate_der: CertificateDer<'static>,
    pub(super) key_der: PrivateKeyDer<'static>,
}

impl Authority {
    /// Makes a new authority.
    pub fn generate() -> Result<Self, ListenError> {
        let subject = "openchoreo-embedded-ca";
        let failed = |source| ListenError::Certificate { subject: subject.to_owned(), source };
        let mut parameters = CertificateParams::new(Vec::new()).map_err(failed)?;
        parameters.distinguished_name.push(DnType::CommonName, subject);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate().map_err(failed)?;
        let certificate = parameters.self_signed(&key).map_err(failed)?;
        Ok(Self(Arc::new(Parts {
            pem: certificate.pem(),
            certificate: certificate.der().clone(),
            issuer: Issuer::new(parameters, key),
        })))
    }

    /// The authority's own certificate, in PEM.
    pub fn pem(&self) -> &str {
        &self.0.pem
    }

    pub(super) fn certificate(&self) -> &CertificateDer<'static> {
        &self.0.certificate
    }

    /// A certificate for a server of these names and addresses.
    pub(super) fn issue_server(&self, names: &[String]) -> Result<Identity, ListenError> {
        self.issue("openchoreo-embedded", &[], names, ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// A certificate for a user who belongs to groups.
    pub(super) fn issue_client(&self, name: &str, groups: &[&str]) -> Result<Identity, ListenError> {
        self.issue(name, groups, &[], ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn issue(
        &self,
        subject: &str,
        organizations: &[&str],
        names: &[String],
        purpose: ExtendedKeyUsagePurpose,
    ) -> Result<Identity, ListenError> {
        let failed = |source| ListenError::Certificate { subject: subject.to_owned(), source };
        let mut parameters = CertificateParams::new(names.to_vec()).map_err(failed)?;
        parameters.distinguished_name.push(DnType::CommonName, subject);
        for organization in organizations {
            parameters.distinguished_name.push(DnType::OrganizationName, *organization);
        }
        parameters.use_authority_key_identifier_extension = true;
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        parameters.extended_key_usages = vec![purpose];
        let key = KeyPair::generate().map_err(failed)?;
        let certificate = parameters.signed_by(&key, &self.0.issuer).map_err(failed)?;
        Ok(Identity {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
            certificate_der: certificate.der().clone(),
            key_der: PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
        })
    }
}

/// The user that a verified client certificate names: the common name, with the organizations as groups.
pub(super) fn user_of(certificate: &CertificateDer<'_>) -> Option<User> {
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let subject = certificate.subject();
    let name = subject.iter_common_name().next()?.as_str().ok()?.to_owned();
    let organizations = subject.iter_organization().filter_map(|organization| organization.as_str().ok());
    let mut groups: Vec<String> = organizations.map(str::to_owned).collect();
    groups.push("system:authenticated".into());
    Some(User { name, groups })
}
