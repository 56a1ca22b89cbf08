//! Programs from Debian's packages that cannot all be installed on one machine.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

/// Fetches packages and unpacks them into a folder, unless that was done before.
///
/// # Errors
/// When the folder cannot be written, or a package cannot be had.
pub fn fetch(packages: &[&str], folder: &Path) -> io::Result<()> {
    let done = folder.join("unpacked");
    let wanted = packages.join(" ");
    if fs::read_to_string(&done).is_ok_and(|unpacked| unpacked == wanted) {
        return Ok(());
    }
    fs::create_dir_all(folder)?;
    let failed = |what: &str| io::Error::other(format!("{what} failed"));
    let mut apt = Command::new("apt-get");
    let fetched = apt.args(["download", "-qq"]).args(packages).current_dir(folder);
    if !fetched.stderr(Stdio::null()).status()?.success() {
        return Err(failed("apt-get download"));
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "deb")
            && !Command::new("dpkg-deb").arg("-x").arg(&path).arg(folder).status()?.success()
        {
            return Err(failed("dpkg-deb -x"));
        }
    }
    fs::write(done, wanted)
}
