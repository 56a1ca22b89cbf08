//! Settings of the other servers.

use super::{Needs, PASSIVE, PORT};
use crate::files::Files;
use portolan_testkit::enclosure::must;
use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Sessions that there may be, of one address as well.
const SESSIONS: u32 = 20_000;

pub(super) fn portolan(files: &Files, needs: Needs) -> String {
    let (first, last) = PASSIVE;
    let (certificate, key) = files.certificate();
    let uploads = if needs.direct { "direct" } else { "atomic" };
    format!(
        "listen = [\"{address}:{PORT}\"]\nactive-port = \"any\"\npassive-ports = \"{first}-{last}\"\n\
         uploads = \"{uploads}\"\n[limits]\nsessions = {SESSIONS}\nsessions-per-address = {SESSIONS}\n\
         [tls]\ncertificate = \"{certificate}\"\nkey = \"{key}\"\n\
         [anonymous]\nroot = \"{root}\"\nwrite = true\n",
        address = needs.address,
        certificate = certificate.display(),
        key = key.display(),
        root = files.root().display(),
    )
}

pub(super) fn vsftpd(files: &Files, scratch: &Path) -> String {
    let (first, last) = PASSIVE;
    let (certificate, key) = files.certificate();
    format!(
        "background=NO\nlisten=YES\nlisten_port={PORT}\nanonymous_enable=YES\nno_anon_password=YES\nanon_root={above}\n\
         write_enable=YES\nanon_upload_enable=YES\nanon_other_write_enable=YES\nanon_umask=022\nftp_username=daemon\n\
         secure_chroot_dir={empty}\nseccomp_sandbox=NO\npasv_min_port={first}\npasv_max_port={last}\n\
         max_clients={SESSIONS}\nmax_per_ip={SESSIONS}\nssl_enable=YES\nallow_anon_ssl=YES\n\
         rsa_cert_file={certificate}\nrsa_private_key_file={key}\nssl_ciphers=HIGH\nrequire_ssl_reuse=NO\n\
         force_local_data_ssl=NO\nforce_local_logins_ssl=NO\nconnect_from_port_20=NO\nxferlog_enable=NO\n\
         tcp_wrappers=NO\nuse_localtime=NO\n",
        above = files.above().display(),
        empty = scratch.display(),
        certificate = certificate.display(),
        key = key.display(),
    )
}

pub(super) fn proftpd(files: &Files, address: Ipv4Addr, scratch: &Path, unpacked: &Path) -> String {
    let (first, last) = PASSIVE;
    let (certificate, key) = files.certificate();
    format!(
        "ServerType standalone\nPort {PORT}\nUseIPv6 off\nDefaultAddress {address}\nUser nobody\nGroup nogroup\n\
         ModulePath {modules}/usr/lib/proftpd\nLoadModule mod_tls.c\nPassivePorts {first} {last}\nMaxInstances {SESSIONS}\n\
         ScoreboardFile {folder}/scoreboard\nPidFile {folder}/pid\nDelayEngine off\nUseReverseDNS off\n\
         WtmpLog off\nSystemLog none\nTransferLog none\nServerIdent off\nTimesGMT on\n\
         TLSEngine on\nTLSProtocol TLSv1.2 TLSv1.3\nTLSECCertificateFile {certificate}\n\
         TLSECCertificateKeyFile {key}\nTLSVerifyClient off\nTLSRequired off\nTLSLog none\n\
         TLSOptions NoSessionReuseRequired\n\
         <Anonymous {root}>\nUser nobody\nGroup nogroup\nUserAlias anonymous nobody\nRequireValidShell off\n\
         AnonRequirePassword off\nUseFtpUsers off\nAllowOverwrite on\nMaxClients {SESSIONS}\n\
         <Limit WRITE>\nAllowAll\n</Limit>\n</Anonymous>\n",
        modules = unpacked.display(),
        folder = scratch.display(),
        certificate = certificate.display(),
        key = key.display(),
        root = files.root().display(),
    )
}

/// Its arguments. It has no settings for people without a name, so that this one has one, and a password that costs
/// next to nothing to check.
pub(super) fn pure_ftpd(
    user: &str,
    files: &Files,
    address: Ipv4Addr,
    scratch: &Path,
    unpacked: &Path,
) -> io::Result<Vec<String>> {
    // It takes no more sessions than half as many as there are ports.
    let (first, last) = (PASSIVE.0, 60_000);
    let both = both(files, scratch)?;
    let (list, database) = (scratch.join("users"), scratch.join("users.pdb"));
    // `x` in the oldest of hashes (DES).
    let line = format!("{user}:{}:65534:65534::{}/./::::::::::::\n", des()?, files.root().display());
    fs::write(&list, line)?;
    let program = unpacked.join("usr/bin/pure-pw").display().to_string();
    must(&program, &["mkdb", &database.display().to_string(), "-f", &list.display().to_string()])?;
    // It takes no more for a number.
    let sessions = 5_000.to_string();
    let arguments = [
        "-l",
        &format!("puredb:{}", database.display()),
        "-S",
        &format!("{address},{PORT}"),
        "-p",
        &format!("{first}:{last}"),
        "-c",
        &sessions,
        "-C",
        &sessions,
        // No reverse DNS, no log of transfers, TLS for who wants it.
        "-H",
        "-f",
        "none",
        "-Y",
        "1",
        "-2",
        &both.display().to_string(),
        "-u",
        "1",
        // Long listings.
        "-L",
        "1000000:5",
        "-g",
        &scratch.join("pid").display().to_string(),
    ];
    Ok(arguments.map(str::to_owned).to_vec())
}

/// The key and the certificate in one file.
fn both(files: &Files, scratch: &Path) -> io::Result<PathBuf> {
    let (certificate, key) = files.certificate();
    let both = scratch.join("both.pem");
    fs::write(&both, fs::read_to_string(key)? + &fs::read_to_string(certificate)?)?;
    fs::set_permissions(&both, fs::Permissions::from_mode(0o600))?;
    Ok(both)
}

/// A program for it. With TLS it is slower without TLS, too, so that it has it only where it needs it.
pub(super) fn pyftpdlib(files: &Files, needs: Needs, scratch: &Path) -> io::Result<String> {
    let (first, last) = PASSIVE;
    let handler = if needs.tls { "TLS_FTPHandler" } else { "FTPHandler" };
    Ok(format!(
        "import logging\nfrom pyftpdlib.authorizers import DummyAuthorizer\nfrom pyftpdlib.handlers import {handler}\n\
         from pyftpdlib.servers import FTPServer\nlogging.basicConfig(level=logging.ERROR)\n\
         {handler}.authorizer = DummyAuthorizer()\n\
         {handler}.authorizer.add_anonymous('{root}', perm='elradfmwMT')\n\
         {handler}.passive_ports = range({first}, {last})\n{handler}.certfile = '{both}'\n\
         server = FTPServer(('{address}', {PORT}), {handler}, backlog=4096)\nserver.max_cons = {SESSIONS}\n\
         server.serve_forever()\n",
        address = needs.address,
        root = files.root().display(),
        both = both(files, scratch)?.display(),
    ))
}

/// Arguments for it.
pub(super) fn unftp(files: &Files, address: Ipv4Addr) -> Vec<String> {
    let ((first, last), (certificate, key)) = (PASSIVE, files.certificate());
    let arguments = [
        "--bind-address",
        &format!("{address}:{PORT}"),
        "--root-dir",
        &files.root().display().to_string(),
        "--passive-ports",
        &format!("{first}-{last}"),
        "--auth-type",
        "anonymous",
        "--ftps-certs-file",
        &certificate.display().to_string(),
        "--ftps-key-file",
        &key.display().to_string(),
        "--idle-session-timeout",
        "3600",
        "--log-level",
        "error",
    ];
    arguments.map(str::to_owned).to_vec()
}

fn des() -> io::Result<String> {
    let output = std::process::Command::new("perl").args(["-e", "print crypt('x', 'aa')"]).output()?;
    String::from_utf8(output.stdout).map_err(io::Error::other)
}
