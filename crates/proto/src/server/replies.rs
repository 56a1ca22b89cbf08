//! Every text that the server says, in one place.
//!
//! Texts say what happened, and what to do where there is something to do. They never repeat what
//! the client sent, names of paths where an RFC asks for them apart: an echo is what attackers
//! build on (reply injection, helpers in routers that look for addresses).

use super::effect::{Ending, Failure, Target, Whose};
use super::verbs::{Entry, VERBS};
use portolan_wire::address::Family;
use portolan_wire::data::Marker;
use portolan_wire::hash::Algorithm;
use portolan_wire::parameters::ParameterError;
use portolan_wire::{ExtendedAddress, HostPort, LongAddress, Reply, ReplyCode, Timestamp, VirtualPath};
use std::ops::Range;

// The session

/// 220 on a new control connection, and for a virtual host that was chosen.
pub(super) fn greeting(welcome: &[String]) -> Reply {
    let ready = "Portolan FTP server ready";
    match welcome.split_first() {
        None => Reply::new(ReplyCode::Ready, ready),
        Some((first, rest)) => Reply::lines(
            ReplyCode::Ready,
            first.as_str(),
            rest.iter().map(|line| line.clone().into_bytes()),
            ready,
        ),
    }
}

/// 421 for a peer that the server has no room for.
pub fn too_many_sessions() -> Reply {
    Reply::new(ReplyCode::ServiceUnavailable, "Too many sessions, try again later")
}

pub(super) fn too_many_sessions_of_account() -> Reply {
    Reply::new(
        ReplyCode::ServiceUnavailable,
        "This account has as many sessions as it may have, try again later",
    )
}

/// 421 for a peer that has too many sessions already.
pub fn too_many_sessions_of_peer() -> Reply {
    Reply::new(ReplyCode::ServiceUnavailable, "Too many sessions from your address, close one first")
}

/// 421 for a peer whose address is not let in.
pub fn not_from_there() -> Reply {
    Reply::new(ReplyCode::ServiceUnavailable, "Nobody is let in from your address")
}

pub(super) fn out_of_time() -> Reply {
    Reply::new(ReplyCode::ServiceUnavailable, "The time is over that this account may be logged in")
}

/// 421 for a peer that is banned, for so many seconds yet.
pub fn banned(seconds: u64) -> Reply {
    let text = format!("Too many faults from your address, try again in {} min", seconds.div_ceil(60).max(1));
    Reply::new(ReplyCode::ServiceUnavailable, text)
}

/// 421 for a session that did nothing wrong and ends all the same.
pub fn ending(why: Ending) -> Reply {
    let text = match why {
        Ending::Shutdown => "The server is shutting down",
        Ending::Revoked => "This account may not be used any more as it was",
    };
    Reply::new(ReplyCode::ServiceUnavailable, text)
}

/// 421 while the server takes nobody in, for so many seconds yet, if that is known. `reason` is one line.
pub fn locked(reason: &str, seconds: Option<u64>) -> Reply {
    let reason = if reason.is_empty() { "The server takes nobody in now" } else { reason };
    let text = match seconds {
        Some(seconds) => format!("{reason}; try again in {} min", seconds.div_ceil(60).max(1)),
        None => format!("{reason}; try again later"),
    };
    Reply::new(ReplyCode::ServiceUnavailable, text)
}

pub(super) fn idle_too_long() -> Reply {
    Reply::new(ReplyCode::ServiceUnavailable, "No command for too long, closing the connection")
}

pub(super) fn login_too_long() -> Reply {
    Reply::new(ReplyCode::ServiceUnavailable, "No login in time, closing the connection")
}

pub(super) fn endless_line() -> Reply {
    Reply::new(ReplyCode::ServiceUnavailable, "A line without an end, closing the connection")
}

pub(super) fn other_protocol() -> Reply {
    Reply::new(ReplyCode::ServiceUnavailable, "This is FTP, and that was not, closing the connection")
}

pub(super) fn too_many_unknown_commands() -> Reply {
    Reply::new(
        ReplyCode::ServiceUnavailable,
        "Too many unknown commands before the login, closing the connection",
    )
}

/// True for lines that come from a browser or a mail program rather than from an FTP client: what
/// somebody may have tricked them into sending here (CVE-2021-3618, the ALPACA attack).
pub(super) fn is_other_protocol(line: &[u8]) -> bool {
    const WORDS: &[&str] = &[
        "GET", "POST", "PUT", "HEAD", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PATCH", "PRI", "EHLO",
        "HELO", "STARTTLS", "APOP",
    ];
    let word = line.split(|byte| *byte == b' ').next().unwrap_or_default();
    let header = word.len() > 1 && word.ends_with(b":");
    let request = WORDS.iter().any(|known| known.as_bytes() == word);
    request || header
}

/// True for the first bytes of a protocol that is not made of text, TLS for instance.
pub(super) fn begins_other_protocol(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|byte| *byte < b' ' && !matches!(byte, b'\r' | b'\n'))
}

pub(super) fn goodbye() -> Reply {
    Reply::new(ReplyCode::Closing, "Goodbye")
}

// Lines that are no commands

pub(super) fn unknown_command() -> Reply {
    Reply::new(ReplyCode::SyntaxError, "Unknown command; HELP lists the known ones")
}

pub(super) fn line_too_long() -> Reply {
    Reply::new(ReplyCode::SyntaxError, "Line longer than 4096 bytes, skipped")
}

pub(super) fn malformed_line() -> Reply {
    Reply::new(ReplyCode::BadParameter, "The line has a CR or NUL in it, or a byte 255 that is not doubled")
}

pub(super) fn not_offered() -> Reply {
    Reply::new(ReplyCode::NotImplemented, "This server does not offer that command")
}

pub(super) fn argument_missing() -> Reply {
    Reply::new(ReplyCode::BadParameter, "This command needs an argument")
}

pub(super) fn bad_argument(syntax: &str) -> Reply {
    Reply::new(ReplyCode::BadParameter, format!("Write it so: {syntax}"))
}

pub(super) fn path_too_long() -> Reply {
    Reply::new(ReplyCode::BadParameter, "The path is too long")
}

pub(super) fn parameter(error: ParameterError) -> Reply {
    match error {
        ParameterError::Unknown => Reply::new(ReplyCode::BadParameter, "There is no such parameter"),
        ParameterError::NotOffered => parameter_not_offered(),
    }
}

pub(super) fn parameter_not_offered() -> Reply {
    Reply::new(ReplyCode::ParameterNotImplemented, "This server does not offer that parameter")
}

pub(super) fn okay(text: &str) -> Reply {
    Reply::new(ReplyCode::Okay, text)
}

// Login

pub(super) fn not_logged_in() -> Reply {
    Reply::new(ReplyCode::NotLoggedIn, "Log in with USER and PASS first")
}

pub(super) fn after_login() -> Reply {
    Reply::new(ReplyCode::BadSequence, "Only before the login; REIN ends a login")
}

pub(super) fn need_password() -> Reply {
    Reply::new(ReplyCode::NeedPassword, "Password, please")
}

pub(super) fn user_first() -> Reply {
    Reply::new(ReplyCode::BadSequence, "USER comes first")
}

pub(super) fn logged_in() -> Reply {
    Reply::new(ReplyCode::LoggedIn, "Logged in")
}

pub(super) fn denied() -> Reply {
    Reply::new(ReplyCode::NotLoggedIn, "User name or password is wrong")
}

pub(super) fn denied_too_often() -> Reply {
    Reply::new(ReplyCode::ServiceUnavailable, "Too many wrong passwords, closing the connection")
}

pub(super) fn account_superfluous() -> Reply {
    Reply::new(ReplyCode::Superfluous, "No account is needed here")
}

pub(super) fn reinitialised() -> Reply {
    Reply::new(ReplyCode::Ready, "Ready for a new user")
}

pub(super) fn only_host() -> Reply {
    Reply::new(ReplyCode::Ready, "One and the same server for every host name")
}

pub(super) fn unknown_host() -> Reply {
    Reply::new(ReplyCode::ParameterNotImplemented, "There is no such host here")
}

pub(super) fn other_host_in_tls() -> Reply {
    Reply::new(ReplyCode::ParameterNotImplemented, "The TLS handshake named another host")
}

pub(super) fn hosts_differ() -> Reply {
    Reply::new(
        ReplyCode::ServiceUnavailable,
        "HOST and the TLS handshake name different hosts, closing the connection",
    )
}

// Security

pub(super) fn begin_tls() -> Reply {
    Reply::new(ReplyCode::SecurityAccepted, "Begin the TLS handshake")
}

pub(super) fn unknown_mechanism() -> Reply {
    Reply::new(ReplyCode::ParameterNotImplemented, "Write it so: AUTH TLS")
}

pub(super) fn protected_already() -> Reply {
    Reply::new(ReplyCode::BadSequence, "TLS protects this connection already")
}

pub(super) fn auth_first() -> Reply {
    Reply::new(ReplyCode::BadSequence, "AUTH TLS comes first")
}

pub(super) fn pbsz_first() -> Reply {
    Reply::new(ReplyCode::BadSequence, "PBSZ 0 comes first")
}

pub(super) fn after_ccc() -> Reply {
    Reply::new(ReplyCode::BadSequence, "After CCC the protection of data stays as it is")
}

pub(super) fn protection_not_supported() -> Reply {
    Reply::new(ReplyCode::ProtectionNotSupported, "TLS knows PROT C and PROT P only")
}

pub(super) fn clear_data_refused() -> Reply {
    Reply::new(ReplyCode::SecurityRefused, "Data has to be protected here")
}

pub(super) fn not_protected() -> Reply {
    Reply::new(ReplyCode::ProtectionDenied, "The control connection is not protected")
}

pub(super) fn clear_control_refused() -> Reply {
    Reply::new(ReplyCode::SecurityRefused, "The control connection stays protected here")
}

pub(super) fn no_other_servers() -> Reply {
    Reply::new(ReplyCode::SecurityRefused, "This account may not transfer between servers")
}

pub(super) fn protected_data_first() -> Reply {
    Reply::new(ReplyCode::BadSequence, "PROT P comes first")
}

/// In the words that clients of `SSCN` know.
pub(super) fn secure_client(begins: bool) -> Reply {
    Reply::new(ReplyCode::Okay, if begins { "SSCN:CLIENT METHOD" } else { "SSCN:SERVER METHOD" })
}

pub(super) fn tls_first() -> Reply {
    Reply::new(ReplyCode::NotLoggedIn, "Only with TLS: send AUTH TLS first")
}

pub(super) fn account_needs_tls() -> Reply {
    Reply::new(ReplyCode::NotLoggedIn, "This account works with TLS only: send AUTH TLS first")
}

/// 521 for a transfer command (RFC 4217 §10.2).
pub(super) fn data_needs_tls() -> Reply {
    Reply::new(ReplyCode::FamilyNotSupported, "Data connections need TLS here: send PBSZ 0 and PROT P first")
}

pub(super) fn logged_in_by_certificate() -> Reply {
    Reply::new(ReplyCode::LoggedInByCertificate, "Logged in by your certificate")
}

// Data connections

pub(super) fn passive(address: HostPort) -> Reply {
    Reply::new(ReplyCode::Passive, format!("Entering Passive Mode ({address})"))
}

pub(super) fn extended_passive(port: u16) -> Reply {
    Reply::new(ReplyCode::ExtendedPassive, format!("Entering Extended Passive Mode (|||{port}|)"))
}

pub(super) fn long_passive(address: LongAddress) -> Reply {
    Reply::new(ReplyCode::LongPassive, format!("Entering Long Passive Mode ({address})"))
}

pub(super) fn port_taken() -> Reply {
    Reply::new(ReplyCode::Okay, "Address taken for the next data connection")
}

pub(super) fn foreign_address() -> Reply {
    Reply::new(
        ReplyCode::ParameterNotImplemented,
        "That address is not the one you connect from; behind a NAT router use EPSV or PASV",
    )
}

pub(super) fn low_port() -> Reply {
    Reply::new(ReplyCode::ParameterNotImplemented, "Data connections go to ports from 1024 on only")
}

/// 425, since the transfer commands know no 504 (RFC 959 §5.4).
pub(super) fn low_default_port() -> Reply {
    Reply::new(ReplyCode::NoDataConnection, "Your default data port lies below 1024; send EPSV, PASV or PORT")
}

pub(super) fn only_epsv() -> Reply {
    Reply::new(ReplyCode::BadSequence, "After EPSV ALL only EPSV is taken")
}

/// The text has no brackets but those around the list (RFC 2428 §2).
pub(super) fn use_family(family: Family) -> Reply {
    let number = family.extended_number();
    Reply::new(ReplyCode::ProtocolNotSupported, format!("Network protocol not supported, use ({number})"))
}

pub(super) fn use_long_family(family: Family) -> Reply {
    let number = family.long_number();
    Reply::new(ReplyCode::FamilyNotSupported, format!("Supported address families are ({number})"))
}

pub(super) fn passive_is_ipv4() -> Reply {
    Reply::new(ReplyCode::NotImplemented, "PASV cannot carry the IPv6 address of this connection, use EPSV")
}

pub(super) fn no_passive_port() -> Reply {
    Reply::new(
        ReplyCode::NoDataConnection,
        "Every passive port still waits for another data connection from your address, try again",
    )
}

pub(super) fn no_data_connection(target: Target) -> Reply {
    let text = match target {
        Target::Passive => {
            "No data connection came from your address in time; a firewall here or there may block the port"
        }
        Target::Active(_) => {
            "Your address and port for data cannot be reached; send EPSV or PASV, or open the port"
        }
        Target::Kept => "The data connection that was kept is gone; send EPSV or PASV",
    };
    Reply::new(ReplyCode::NoDataConnection, text)
}

// Transfers

pub(super) fn opening_data_connection(size: Option<u64>, name: Option<&[u8]>) -> Reply {
    if let Some(name) = name {
        // RFC 1123 §4.1.2.9 gives this form.
        return Reply::new(ReplyCode::OpeningDataConnection, [b"FILE: ", name].concat());
    }
    let text = match size {
        Some(size) => format!("Opening the data connection for {size} bytes"),
        None => "Opening the data connection".to_owned(),
    };
    Reply::new(ReplyCode::OpeningDataConnection, text)
}

pub(super) fn starting() -> Reply {
    Reply::new(ReplyCode::TransferStarting, "The data connection is open, starting")
}

pub(super) fn transfer_complete(bytes: u64) -> Reply {
    Reply::new(ReplyCode::TransferComplete, format!("Transfer complete, {bytes} bytes"))
}

/// By 250 instead of 226 a server says that it keeps the data connection (RFC 959 §3.3).
pub(super) fn transfer_complete_and_open(bytes: u64) -> Reply {
    let text = format!("Transfer complete, {bytes} bytes; the data connection stays open");
    Reply::new(ReplyCode::FileActionOkay, text)
}

pub(super) fn transfer_aborted() -> Reply {
    Reply::new(ReplyCode::TransferAborted, "Transfer aborted")
}

pub(super) fn stalled() -> Reply {
    Reply::new(ReplyCode::TransferAborted, "No data moved for too long, transfer aborted")
}

pub(super) fn aborted() -> Reply {
    Reply::new(ReplyCode::TransferComplete, "Abort done")
}

pub(super) fn nothing_to_abort() -> Reply {
    Reply::new(ReplyCode::TransferComplete, "No transfer to abort")
}

pub(super) fn restart_marker(marker: &Marker) -> Reply {
    let text = [b"MARK ", &marker.text[..], format!(" = {}", marker.position).as_bytes()].concat();
    Reply::new(ReplyCode::RestartMarker, text)
}

pub(super) fn restart_point(offset: u64) -> Reply {
    Reply::new(ReplyCode::Pending, format!("The next transfer begins at {offset}"))
}

pub(super) fn restart_needs_image() -> Reply {
    Reply::new(ReplyCode::TypeMismatch, "Restarting works with TYPE I and STRU F only")
}

pub(super) fn no_storage_needed() -> Reply {
    Reply::new(ReplyCode::Superfluous, "Storage needs no allocation here")
}

// Files

/// The reply to each failure.
pub fn failure(failure: Failure) -> Reply {
    let (code, text) = match failure {
        Failure::Forbidden(action) => {
            let text = format!("This account may not {action} there");
            return Reply::new(ReplyCode::FileUnavailable, text);
        }
        Failure::Apart => {
            (ReplyCode::FileUnavailable, "That cannot be moved there: copy it and delete the old one")
        }
        Failure::NotFound => (ReplyCode::FileUnavailable, "No such file or directory"),
        Failure::Exists => (ReplyCode::FileUnavailable, "The name is taken"),
        Failure::NotDirectory => (ReplyCode::FileUnavailable, "Not a directory"),
        Failure::NotListable => (ReplyCode::BadParameter, "MLSD lists directories; MLST describes a file"),
        Failure::NotFile => (ReplyCode::FileUnavailable, "Not a plain file"),
        Failure::NotEmpty => (ReplyCode::FileUnavailable, "The directory is not empty"),
        Failure::Denied => (ReplyCode::FileUnavailable, "Permission denied"),
        Failure::Outside => (ReplyCode::FileUnavailable, "A symbolic link on the way leads out of this tree"),
        Failure::BadName => (ReplyCode::NameNotAllowed, "Such a name is not allowed here"),
        Failure::NoSpace => (ReplyCode::NoSpace, "No space left"),
        Failure::Busy => (ReplyCode::FileBusy, "Another session is writing that file, try again later"),
        Failure::BadOffset => {
            (ReplyCode::BadRestartPoint, "The restart point lies behind the end of the file")
        }
        Failure::NotOffered => (ReplyCode::ParameterNotImplemented, "The storage here cannot do that"),
        Failure::TooManyTransfers(Whose::Account) => {
            (ReplyCode::FileBusy, "This account has as many transfers as it may have, try again later")
        }
        Failure::TooManyTransfers(Whose::Address) => {
            (ReplyCode::FileBusy, "Your address has as many transfers as it may have, try again later")
        }
        Failure::TooManyTransfers(Whose::Server) => {
            (ReplyCode::FileBusy, "The server has as many transfers as it may have, try again later")
        }
        Failure::Quota => (
            ReplyCode::QuotaExceeded,
            "The quota of this account is used up: delete something first; SITE QUOTA tells more",
        ),
        Failure::Ratio => (
            ReplyCode::FileUnavailable,
            "This account has to upload more before it may download that; SITE QUOTA tells more",
        ),
        Failure::TooMuch => (ReplyCode::LocalError, "Too many files for one command"),
        Failure::Local => (ReplyCode::LocalError, "Local error, see the log of the server"),
        Failure::NoConnection => return no_data_connection(Target::Passive),
        Failure::Elsewhere => (
            ReplyCode::NoDataConnection,
            "No data connection came from your address, but one from another: if your network has several, use \
             TLS with PROT P, which shows whose it is",
        ),
        Failure::Ambiguous => (
            ReplyCode::NoDataConnection,
            "Several connections came from you at once, and which is for this data does not show: try again, or \
             use AUTH TLS with PROT P",
        ),
        Failure::NoPort => return no_passive_port(),
        Failure::NoHandshake => (
            ReplyCode::NoDataConnection,
            "The TLS handshake on the data connection failed; after PROT P data has to be protected",
        ),
        Failure::NotResumed => (
            ReplyCode::ProtocolNotSupported,
            "The data connection has to resume the TLS session of the control connection, and does not",
        ),
        Failure::NoSecurity => {
            (ReplyCode::SecurityUnavailable, "Too many TLS handshakes at the same time, try again later")
        }
        Failure::Broken => (ReplyCode::TransferAborted, "The data connection broke, transfer aborted"),
        Failure::Expands => {
            (ReplyCode::QuotaExceeded, "So little data should not become so much: send it in MODE S")
        }
        Failure::BadData => {
            (ReplyCode::TransferAborted, "The data does not have the form that MODE and STRU ask for")
        }
    };
    Reply::new(code, text)
}

/// The reply to an outcome that is neither success nor plain failure.
pub(super) fn other(outcome: &super::Outcome) -> Reply {
    match outcome {
        super::Outcome::Failed(reason) => failure(*reason),
        super::Outcome::Cancelled => Reply::new(ReplyCode::LocalError, "The command was cut off"),
        _ => failure(Failure::Local),
    }
}

pub(super) fn file_done(text: &str) -> Reply {
    Reply::new(ReplyCode::FileActionOkay, text)
}

pub(super) fn path_name(path: &VirtualPath, text: &str) -> Reply {
    Reply::new(ReplyCode::PathName, [&path.quoted()[..], b" ", text.as_bytes()].concat())
}

pub(super) fn rename_to_next() -> Reply {
    Reply::new(ReplyCode::Pending, "RNTO with the new name comes next")
}

pub(super) fn rename_from_first() -> Reply {
    Reply::new(ReplyCode::BadSequence, "RNFR comes right before RNTO")
}

pub(super) fn not_the_root() -> Reply {
    Reply::new(ReplyCode::FileUnavailable, "Not with the root of the tree")
}

pub(super) fn size_needs_image() -> Reply {
    Reply::new(
        ReplyCode::FileUnavailable,
        "The size in this type would have to be counted; use TYPE I and STRU F",
    )
}

pub(super) fn number(number: u64) -> Reply {
    Reply::new(ReplyCode::FileStatus, number.to_string())
}

pub(super) fn time(time: Timestamp) -> Reply {
    Reply::new(ReplyCode::FileStatus, time.to_fact())
}

pub(super) fn facts_set(facts: &str, name: &[u8]) -> Reply {
    Reply::new(ReplyCode::FileStatus, [facts.as_bytes(), b" ", name].concat())
}

pub(super) fn no_creation_time() -> Reply {
    Reply::new(ReplyCode::ParameterNotImplemented, "The storage here keeps no creation time that can be set")
}

pub(super) fn hash(algorithm: Algorithm, range: &Range<u64>, digest: &str, name: &[u8]) -> Reply {
    let head = format!("{} {}-{} {digest} ", algorithm.as_str(), range.start, range.end);
    Reply::new(ReplyCode::FileStatus, [head.as_bytes(), name].concat())
}

pub(super) fn digest(digest: &str) -> Reply {
    Reply::new(ReplyCode::FileActionOkay, digest.to_uppercase())
}

pub(super) fn file_digest(path: &VirtualPath, digest: &str) -> Reply {
    Reply::new(ReplyCode::FileDigest, [&path.quoted()[..], b" ", digest.to_uppercase().as_bytes()].concat())
}

pub(super) fn one_listing(line: Vec<u8>) -> Reply {
    Reply::lines(ReplyCode::FileActionOkay, "Listing", [line], "End")
}

pub(super) fn status_listing(lines: Vec<Vec<u8>>, more: bool, directory: bool) -> Reply {
    let code = if directory { ReplyCode::DirectoryStatus } else { ReplyCode::FileStatus };
    Reply::lines(
        code,
        "Status of the path",
        lines,
        if more { "More is there; LIST shows all" } else { "End" },
    )
}

// About the server

pub(super) fn system_type() -> Reply {
    Reply::new(ReplyCode::SystemType, "UNIX Type: L8")
}

pub(super) fn status(lines: Vec<String>) -> Reply {
    let lines = lines.into_iter().map(String::into_bytes);
    Reply::lines(ReplyCode::SystemStatus, "Portolan FTP server", lines, "End of status")
}

pub(super) fn features(features: Vec<String>) -> Reply {
    let features = features.into_iter().map(String::into_bytes);
    Reply::lines(ReplyCode::SystemStatus, "Features", features, "End")
}

pub(super) fn identification() -> Reply {
    let version = env!("CARGO_PKG_VERSION");
    let text = format!("Name=Portolan; Version={version}; OS=Unix; CaseSensitive=1; DirSep=/;");
    Reply::new(ReplyCode::Okay, text)
}

pub(super) fn quota(lines: Vec<Vec<u8>>) -> Reply {
    if lines.is_empty() {
        return okay("No quota is set for this account");
    }
    Reply::lines(ReplyCode::SystemStatus, "What this account has used", lines, "End")
}

pub(super) fn who(lines: Vec<Vec<u8>>) -> Reply {
    Reply::lines(ReplyCode::SystemStatus, "Sessions of this account", lines, "End")
}

pub(super) fn help_of(entry: &Entry) -> Reply {
    let Entry { syntax, about, source, .. } = entry;
    Reply::new(ReplyCode::Help, format!("{syntax}: {about} ({source})"))
}

pub(super) fn help(extra: &[&str]) -> Reply {
    let words: Vec<&str> = VERBS.iter().map(|entry| entry.verb.as_str()).collect();
    let mut lines: Vec<Vec<u8>> = words.chunks(10).map(|row| row.join(" ").into_bytes()).collect();
    lines.extend(extra.iter().map(|line| line.as_bytes().to_vec()));
    Reply::lines(ReplyCode::Help, "Commands", lines, "HELP with a command tells more")
}

// Addresses, so that verbs need not choose a form

pub(super) fn passive_form(address: std::net::SocketAddr) -> Reply {
    match address.ip() {
        std::net::IpAddr::V4(ip) => passive(HostPort { address: ip, port: address.port() }),
        std::net::IpAddr::V6(_) => passive_is_ipv4(),
    }
}

pub(super) fn address_error(
    error: portolan_wire::address::AddressError,
    otherwise: Reply,
    syntax: &str,
) -> Reply {
    match error {
        portolan_wire::address::AddressError::Form => bad_argument(syntax),
        portolan_wire::address::AddressError::Family => otherwise,
    }
}

/// An example of the argument of `EPRT`, made of the same parts as the real one.
pub(super) fn eprt_syntax(peer: std::net::SocketAddr) -> String {
    format!("EPRT {}", ExtendedAddress { address: peer.ip(), port: peer.port() })
}
