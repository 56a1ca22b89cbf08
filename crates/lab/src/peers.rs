//! Other servers, in the configuration that is best for each network.

use crate::patience::wait_until;
use crate::sides::{CONTROL, PUBLIC, Place};
use portolan_testkit::debian;
use portolan_testkit::network::Host;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A kind of server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Portolan,
    Vsftpd,
    ProFtpd,
}

impl Kind {
    pub(crate) const ALL: [Kind; 3] = [Kind::Portolan, Kind::Vsftpd, Kind::ProFtpd];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Portolan => "Portolan",
            Kind::Vsftpd => "vsftpd",
            Kind::ProFtpd => "ProFTPD",
        }
    }
}

/// Debian's packages of them, and of what they need. They are unpacked and not installed, since only one of them
/// can be at a time.
const PACKAGES: [&str; 7] = [
    "vsftpd",
    "proftpd-core",
    "proftpd-mod-crypto",
    "libmemcached11",
    "libmemcachedutil2",
    "libhashkit2",
    "libpcre2-posix3",
];

/// Where the packages are unpacked, beside this program.
fn unpacked() -> io::Result<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name("peers"))
}

/// Fetches the packages, if they are not there.
pub(crate) fn fetch() -> io::Result<()> {
    debian::fetch(&PACKAGES, &unpacked()?)
}

/// A running one; it is gone when this is dropped.
pub(crate) struct Peer(Child);

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Peer {
    /// Starts one that lets everybody write to `root`, which lies in `above`. What it needs goes to `folder`.
    pub(crate) fn start(kind: Kind, place: &Place, above: &Path, folder: &Path) -> io::Result<Peer> {
        let root = above.join("root");
        for folder in [above, &root, folder] {
            fs::create_dir_all(folder)?;
        }
        fs::set_permissions(above, fs::Permissions::from_mode(0o755))?;
        fs::set_permissions(&root, fs::Permissions::from_mode(0o777))?;
        certificate(folder)?;
        let unpacked = unpacked()?;
        let settings = folder.join("settings");
        let mut command = match kind {
            Kind::Vsftpd => {
                fs::write(&settings, vsftpd(place, above, folder))?;
                let mut command = place.host.command(&unpacked.join("usr/sbin/vsftpd").display().to_string());
                command.arg(&settings);
                command
            }
            Kind::ProFtpd | Kind::Portolan => {
                fs::write(&settings, proftpd(place, &root, folder, &unpacked))?;
                let mut command =
                    place.host.command(&unpacked.join("usr/sbin/proftpd").display().to_string());
                command.args(["-n", "-q", "-c"]).arg(&settings);
                command
            }
        };
        let libraries = format!("{}-linux-gnu", std::env::consts::ARCH);
        command.env("LD_LIBRARY_PATH", unpacked.join("usr/lib").join(libraries));
        let log = fs::File::create(folder.join("log"))?;
        let peer = Peer(command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()?);
        wait_until_it_listens(&place.host, folder)?;
        Ok(peer)
    }
}

fn wait_until_it_listens(host: &Host, folder: &Path) -> io::Result<()> {
    let listening = || {
        let output = host.command("ss").args(["-Hltn", &format!("sport = :{CONTROL}")]).output()?;
        Ok(!output.stdout.is_empty())
    };
    wait_until("it listens", listening)
        .or_else(|_| Err(io::Error::other(fs::read_to_string(folder.join("log"))?)))
}

/// Makes a key and a certificate for it there.
pub(crate) fn certificate(folder: &Path) -> io::Result<()> {
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=peer"]);
    openssl.args(["-keyout", "key", "-out", "cert"]).current_dir(folder).stderr(Stdio::null());
    if openssl.status()?.success() { Ok(()) } else { Err(io::Error::other("no certificate")) }
}

fn vsftpd(place: &Place, above: &Path, folder: &Path) -> String {
    let (first, last) = place.range.split_once('-').unwrap_or((place.range, place.range));
    let announced = if place.announced { format!("pasv_address={PUBLIC}\n") } else { String::new() };
    let (above, folder) = (above.display(), folder.display());
    format!(
        "background=NO\nlisten=NO\nlisten_ipv6=YES\nlisten_port={CONTROL}\nanonymous_enable=YES\n\
         no_anon_password=YES\nanon_root={above}\nwrite_enable=YES\nanon_upload_enable=YES\n\
         anon_other_write_enable=YES\nanon_umask=022\nftp_username=daemon\nsecure_chroot_dir={folder}\n\
         seccomp_sandbox=NO\npasv_min_port={first}\npasv_max_port={last}\n{announced}\
         ssl_enable=YES\nallow_anon_ssl=YES\nrsa_cert_file={folder}/cert\nrsa_private_key_file={folder}/key\n\
         ssl_ciphers=HIGH\nconnect_from_port_20=NO\nport_enable=YES\n\
         force_local_data_ssl=NO\nforce_local_logins_ssl=NO\n"
    )
}

fn proftpd(place: &Place, root: &Path, folder: &Path, unpacked: &Path) -> String {
    let (first, last) = place.range.split_once('-').unwrap_or((place.range, place.range));
    let announced = if place.announced { format!("MasqueradeAddress {PUBLIC}\n") } else { String::new() };
    let (root, folder, unpacked) = (root.display(), folder.display(), unpacked.display());
    format!(
        "ServerType standalone\nPort {CONTROL}\nUseIPv6 on\nUser nobody\nGroup nogroup\n\
         ModulePath {unpacked}/usr/lib/proftpd\nLoadModule mod_tls.c\nPassivePorts {first} {last}\n{announced}\
         ScoreboardFile {folder}/scoreboard\nPidFile {folder}/pid\nDelayEngine off\nUseReverseDNS off\n\
         WtmpLog off\nSystemLog {folder}/system\nTransferLog none\nServerIdent off\n\
         TLSEngine on\nTLSProtocol TLSv1.2 TLSv1.3\nTLSRSACertificateFile {folder}/cert\n\
         TLSRSACertificateKeyFile {folder}/key\nTLSVerifyClient off\nTLSRequired off\nTLSLog {folder}/tls\n\
         <Anonymous {root}>\nUser nobody\nGroup nogroup\nUserAlias anonymous nobody\nRequireValidShell off\n\
         AnonRequirePassword off\nUseFtpUsers off\nAllowOverwrite on\n<Limit WRITE>\nAllowAll\n</Limit>\n</Anonymous>\n"
    )
}
