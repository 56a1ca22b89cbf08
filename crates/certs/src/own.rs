//! A certificate of our own making, for a server that was given none. Nobody but us vouches for it, so
//! people compare its fingerprint; it is kept, so that they need to do so once.

use crate::{CertError, files};
use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};
use rustls::sign::CertifiedKey;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

/// Its file: the certificate and its key. Only its owner may read it.
const FILE: &str = "certificate.pem";

/// Loads the certificate that lies in the folder, or makes it. Where it cannot be kept, which the log
/// says, there is another one at every start.
pub(crate) fn load_or_make(folder: &Path, names: &[String]) -> Result<Arc<CertifiedKey>, CertError> {
    let file = folder.join(FILE);
    if !file.exists() {
        let text = make(names)?;
        if let Err(error) = keep(folder, &file, &text) {
            tracing::warn!(folder = %folder.display(), %error, "the certificate cannot be kept there");
            return files::from_text(&file, text.as_bytes(), &file, text.as_bytes());
        }
    }
    files::load(&file, &file)
}

/// A new certificate and its key, in PEM.
fn make(names: &[String]) -> Result<String, CertError> {
    let mut parameters = CertificateParams::new(names.to_vec())?;
    let name = names.first().map_or("Portolan", String::as_str);
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters.not_before = date_time_ymd(2025, 1, 1);
    parameters.not_after = date_time_ymd(2055, 1, 1);
    let key = KeyPair::generate()?;
    Ok(parameters.self_signed(&key)?.pem() + &key.serialize_pem())
}

fn keep(folder: &Path, file: &Path, text: &str) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    // A temporary file is for its owner only, and takes its name when it is whole.
    let mut whole = tempfile::NamedTempFile::new_in(folder)?;
    whole.write_all(text.as_bytes())?;
    match whole.persist_noclobber(file) {
        // Another server that starts now was quicker: its certificate is as good.
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        done => done.map(drop).map_err(|error| error.error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn it_is_made_once_and_is_its_owners() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let names = vec!["ftp.example.org".to_owned()];
        let first = load_or_make(&state, &names).unwrap();
        let second = load_or_make(&state, &names).unwrap();
        assert_eq!(first.cert, second.cert);
        let mode = std::fs::metadata(state.join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
