//! What kind of trouble a failed request is.
//!
//! The words go into the status of a registration, which whoever wrote it can read. They say the class of the failure and
//! quote nothing of the peer, so that a registration is no way to look around in the manager's network. The error itself
//! belongs into the log.

use std::error::Error;
use std::fmt;

use rustls::AlertDescription;

use super::{PlaneClosed, ResponseTooLong};
use crate::world::Disconnect;

/// Why a plane is not connected, as may be shown to whoever registered it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// The class.
    pub cause: Disconnect,
    /// In words.
    pub text: String,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Trouble {
    /// The trouble that an error of the client is.
    pub fn of(error: &kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => match status.code {
                401 => Self::new(Disconnect::CredentialsRefused, "the API server refuses the credentials"),
                403 => Self::new(Disconnect::Forbidden, "the API server forbids what is needed"),
                code => {
                    Self { cause: Disconnect::ServerError, text: format!("the API server answers with status {code}") }
                }
            },
            kube::Error::SerdeError(_) | kube::Error::FromUtf8(_) => {
                Self::new(Disconnect::ServerError, "the answer is not that of a Kubernetes API server")
            }
            other => Self::of_connection(other),
        }
    }

    /// No answer in time.
    pub fn silence() -> Self {
        Self::new(
            Disconnect::NoAnswer,
            "no answer: the host of the server is not known, does not answer, or has no address that planes may have",
        )
    }

    fn of_connection(error: &(dyn Error + 'static)) -> Self {
        for cause in causes(error) {
            if cause.is::<ResponseTooLong>() {
                return Self::new(Disconnect::ServerError, "the answer is longer than planes may send");
            }
            if cause.is::<PlaneClosed>() {
                return Self::new(Disconnect::NoAnswer, "the registration is gone or cannot be used");
            }
            match cause.downcast_ref::<rustls::Error>() {
                Some(rustls::Error::AlertReceived(alert)) if is_about_us(*alert) => {
                    return Self::new(Disconnect::CredentialsRefused, "the server refuses the client certificate");
                }
                Some(rustls::Error::AlertReceived(_)) => {
                    return Self::new(Disconnect::TlsRefused, "the TLS handshake fails: the server ends it");
                }
                Some(_) => {
                    return Self::new(
                        Disconnect::TlsRefused,
                        "the TLS handshake fails: the server's certificate is not one that the CA vouches for",
                    );
                }
                None => {}
            }
        }
        Self::silence()
    }

    fn new(cause: Disconnect, text: &str) -> Self {
        Self { cause, text: text.to_owned() }
    }
}

/// Whether a server ends a handshake because of the certificate that it is shown.
fn is_about_us(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::AccessDenied
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateRequired
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::UnsupportedCertificate
    )
}

/// An error and everything that caused it. An [`std::io::Error`] names what it carries, not what caused that.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| cause(*error))
}

fn cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
        Some(carried) => Some(carried),
        None => error.source(),
    }
}
