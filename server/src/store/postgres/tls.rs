//! TLS to the database, with rustls and aws-lc-rs, the crate of all cryptography of this server.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::location::Tls;
use crate::store::StoreError;

/// The TLS connector. The `sslmode` of the URL determines whether it is used.
pub(super) fn connector(tls: &Tls) -> Result<MakeRustlsConnect, StoreError> {
    let tls_error = |reason: String| StoreError::Database(format!("TLS: {reason}"));
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| tls_error(error.to_string()))?;
    let config = match tls {
        Tls::Off | Tls::Unverified => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AcceptAnyCertificate(provider)))
            .with_no_client_auth(),
        Tls::Verified(None) => builder.with_root_certificates(system_roots().map_err(tls_error)?).with_no_client_auth(),
        Tls::Verified(Some(path)) => {
            let listed = certificates_in(path).map_err(tls_error)?;
            let verifier = AcceptListed::new(listed, provider)
                .map_err(|reason| tls_error(format!("sslrootcert {}: {reason}", path.display())))?;
            builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth()
        }
    };
    Ok(MakeRustlsConnect::new(config))
}

fn certificates_in(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let file_error = |reason: String| format!("sslrootcert {}: {reason}", path.display());
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| file_error(error.to_string()))?;
    let certificates = certificates.collect::<Result<Vec<_>, _>>().map_err(|error| file_error(error.to_string()))?;
    if certificates.is_empty() { Err(file_error("it has no certificate".to_owned())) } else { Ok(certificates) }
}

fn system_roots() -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    // Certificates of the system that cannot be parsed are skipped.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err("the system has no trusted certificates; install them, or name a file with sslrootcert".to_owned());
    }
    Ok(roots)
}

/// `sslrootcert`: checks a certificate by those in the file. As psql does, accepts also a server whose own certificate is in the
/// file, if it is valid at this time and for this host: a self-signed certificate is a CA certificate in most cases, and those
/// are otherwise refused as the certificate of a server.
#[derive(Debug)]
struct AcceptListed {
    listed: Vec<CertificateDer<'static>>,
    by_chain: Arc<WebPkiServerVerifier>,
}

impl AcceptListed {
    fn new(listed: Vec<CertificateDer<'static>>, provider: Arc<CryptoProvider>) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        for certificate in &listed {
            roots.add(certificate.clone()).map_err(|error| error.to_string())?;
        }
        let by_chain = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
        Ok(Self { listed, by_chain: by_chain.map_err(|error| error.to_string())? })
    }
}

impl ServerCertVerifier for AcceptListed {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        host: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.by_chain.verify_server_cert(certificate, intermediates, host, ocsp, now);
        match &verified {
            // webpki checks the time first, so the certificate is valid now.
            Err(Error::InvalidCertificate(CertificateError::Other(OtherError(reason))))
                if reason.to_string() == CA_USED_AS_END_ENTITY
                    && self.listed.iter().any(|listed| listed == certificate) =>
            {
                verify_server_name(&ParsedCertificate::try_from(certificate)?, host)?;
                Ok(ServerCertVerified::assertion())
            }
            _ => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.by_chain.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.by_chain.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.by_chain.supported_verify_schemes()
    }
}

/// The text of webpki's error for a CA certificate that a server uses.
const CA_USED_AS_END_ENTITY: &str = "CaUsedAsEndEntity";

/// `sslmode=prefer` and `require`: encrypts without a check of the certificate, as psql does.
#[derive(Debug)]
struct AcceptAnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptAnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Self-signed, as `openssl req -x509` makes it: a CA certificate for `db.example`, valid for a year.
    const SELF_SIGNED: &str = "\
-----BEGIN CERTIFICATE-----
MIIBlzCCATygAwIBAgIUFsfTW4Xp/3XCt5ExgkvHPbm+/00wCgYIKoZIzj0EAwIw
FTETMBEGA1UEAwwKZGIuZXhhbXBsZTAeFw0yNjExMjYwMDM2NDNaFw0yNzExMjYw
MDM2NDNaMBUxEzARBgNVBAMMCmRiLmV4YW1wbGUwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAATXlJ3TKREtxr/6pt1XGxbH/w0whHzc+pEU6JZLqchSVRy2mlj1rbrU
Cx0VlwTtqPbwXjtFHrRPInYZf7eD48QTo2owaDAdBgNVHQ4EFgQUO4emV/fNkbN9
iaD9S8XKEf9QUyIwHwYDVR0jBBgwFoAUO4emV/fNkbN9iaD9S8XKEf9QUyIwDwYD
VR0TAQH/BAUwAwEB/zAVBgNVHREEDjAMggpkYi5leGFtcGxlMAoGCCqGSM49BAMC
A0kAMEYCIQDRzdZLHm51FTzm4Xrm1N9MAQGTgp4CV7y4JuQ8cQSt+wIhALD0qRWJ
Oqq1xcGuMmqr46wBwWcT6XwWVdV6dIVnkl7R
-----END CERTIFICATE-----
";
    /// The first second of its year.
    const VALID_FROM: Duration = Duration::from_secs(1_795_653_403);
    const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

    #[test]
    fn a_listed_certificate_is_accepted_at_its_time_for_its_host() {
        let certificate = CertificateDer::from_pem_slice(SELF_SIGNED.as_bytes()).unwrap();
        let verifier = AcceptListed::new(vec![certificate.clone()], Arc::new(aws_lc_rs::default_provider())).unwrap();
        let verify = |host: &str, now| {
            let host = ServerName::try_from(host.to_owned()).unwrap();
            verifier.verify_server_cert(&certificate, &[], &host, &[], UnixTime::since_unix_epoch(now)).map(drop)
        };
        let second = Duration::from_secs(1);

        assert_eq!(verify("db.example", VALID_FROM), Ok(()));
        assert_eq!(verify("db.example", VALID_FROM + YEAR), Ok(()));
        for (host, now) in [
            ("db.example", VALID_FROM - second),
            ("db.example", VALID_FROM + YEAR + second),
            ("db2.example", VALID_FROM),
            ("127.0.0.1", VALID_FROM),
        ] {
            assert!(verify(host, now).is_err(), "{host}, {now:?}");
        }
    }
}
