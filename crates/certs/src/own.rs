//! A certificate of our own making, for a server that was given none. Nobody but us vouches for it, so
//! people compare its fingerprint; it is kept, so that they need to do so once.

use crate::{CertError, files, private};
use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};
use rustls::sign::CertifiedKey;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// Its file: the certificate and its key.
const FILE: &str = "certificate.pem";

/// Loads the certificate that lies in the folder, or makes it. Where it cannot be kept, which the log
/// says, there is another one at every start.
pub(crate) fn load_or_make(folder: Option<&Path>, names: &[String]) -> Result<Arc<CertifiedKey>, CertError> {
    let file = folder.map(|folder| folder.join(FILE));
    if let Some(file) = file.as_ref().filter(|file| file.exists()) {
        return files::load(file, file);
    }
    let text = make(names)?;
    let kept = match &file {
        Some(file) => private::write_new(file, &text).map(|()| file),
        None => Err(io::Error::new(io::ErrorKind::NotFound, "there is no state folder")),
    };
    match kept {
        // Another server that starts now may have been quicker: its certificate is as good.
        Ok(file) => files::load(file, file),
        Err(error) => {
            tracing::warn!(%error, "the certificate cannot be kept, so that the next start makes another one");
            let nowhere = Path::new(FILE);
            files::from_text(nowhere, text.as_bytes(), nowhere, text.as_bytes())
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn without_a_folder_it_is_another_one_each_time() {
        let (first, second) = (load_or_make(None, &[]).unwrap(), load_or_make(None, &[]).unwrap());
        assert_ne!(first.cert, second.cert);
    }

    #[test]
    fn it_is_made_once_and_is_its_owners() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let names = vec!["ftp.example.org".to_owned()];
        let first = load_or_make(Some(&state), &names).unwrap();
        let second = load_or_make(Some(&state), &names).unwrap();
        assert_eq!(first.cert, second.cert);
        let mode = std::fs::metadata(state.join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
