//! The one table of verbs that are offered. The parser, `HELP`, `FEAT`, what may be said when, and
//! the documentation all come from it. A verb that is not in it gets 502.

use super::session::{Answer, Session};
use super::verb;
use portolan_wire::Verb;

/// When a verb may be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// At any time.
    Always,
    /// Only before a login.
    LoggedOut,
    /// Only after a login.
    LoggedIn,
}

/// What an account must be allowed for a verb.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// Nothing.
    None,
    /// To change files and directories.
    Write,
}

/// A line in `FEAT`, where the verb has one.
type Feature = fn(&Session) -> String;

/// A verb that is offered.
pub struct Entry {
    /// The verb.
    pub verb: Verb,
    /// How it is written.
    pub syntax: &'static str,
    /// What it does, in a few words.
    pub about: &'static str,
    /// The text that defines it.
    pub source: &'static str,
    /// When it may be said.
    pub allowed: When,
    /// What the account must be allowed.
    pub right: Right,
    /// True when it is answered while a transfer runs.
    pub during_transfer: bool,
    /// True when it begins a transfer, which uses up the restart point.
    pub(super) transfers: bool,
    pub(super) feature: Option<Feature>,
    pub(super) run: fn(&mut Session, &[u8]) -> Answer,
}

/// The entry of a verb, if it is offered.
pub(super) fn find(verb: Verb) -> Option<&'static Entry> {
    VERBS.iter().find(|entry| entry.verb == verb)
}

macro_rules! table {
    ($($verb:ident $module:ident $allowed:ident $right:ident $syntax:literal $about:literal $source:literal $($extra:ident $value:expr)?;)*) => {
        &[$(Entry {
            verb: Verb::$verb,
            syntax: $syntax,
            about: $about,
            source: $source,
            allowed: When::$allowed,
            right: Right::$right,
            run: verb::$module::run,
            $($extra: $value,)?
            ..DEFAULTS
        },)*]
    };
}

const DEFAULTS: Entry = Entry {
    verb: Verb::Noop,
    syntax: "",
    about: "",
    source: "",
    allowed: When::Always,
    right: Right::None,
    during_transfer: false,
    transfers: false,
    feature: None,
    run: verb::noop::run,
};

/// Every verb that is offered.
#[rustfmt::skip]
pub const VERBS: &[Entry] = table! {
    Abor abor Always None "ABOR" "abort the running transfer" "RFC 959" during_transfer true;
    Acct acct LoggedIn None "ACCT account" "not needed here" "RFC 959";
    Allo allo LoggedIn None "ALLO bytes [R bytes]" "not needed here" "RFC 959";
    Appe appe LoggedIn Write "APPE path" "store at the end of a file" "RFC 959" transfers true;
    Auth auth Always None "AUTH TLS" "begin TLS" "RFC 4217" feature Some(|_| "AUTH TLS".into());
    Avbl avbl LoggedIn None "AVBL [path]" "bytes that can be stored" "draft-peterson-streamlined-ftp-command-extensions" feature Some(|_| "AVBL".into());
    Ccc ccc LoggedIn None "CCC" "end TLS on the control connection" "RFC 4217" feature Some(|_| "CCC".into());
    Cdup cdup LoggedIn None "CDUP" "go to the parent directory" "RFC 959";
    Clnt clnt Always None "CLNT name" "say what client this is" "convention" feature Some(|_| "CLNT".into());
    Comb comb LoggedIn Write "COMB \"target\" \"source\" …" "append files to one and remove them" "convention" feature Some(|_| "COMB target;source_list".into());
    Csid csid Always None "CSID Name=name; Version=version;" "say what client and server these are" "draft-peterson-streamlined-ftp-command-extensions" feature Some(|_| "CSID".into());
    Cwd cwd LoggedIn None "CWD path" "go to a directory" "RFC 959";
    Dele dele LoggedIn Write "DELE path" "delete a file" "RFC 959";
    Dsiz dsiz LoggedIn None "DSIZ [path]" "bytes of all files in a directory" "draft-peterson-streamlined-ftp-command-extensions" feature Some(|_| "DSIZ".into());
    Eprt eprt LoggedIn None "EPRT |family|address|port|" "active mode: where to connect" "RFC 2428" feature Some(|_| "EPRT".into());
    Epsv epsv LoggedIn None "EPSV [1|2|ALL]" "passive mode: listen" "RFC 2428" feature Some(|_| "EPSV".into());
    Feat feat Always None "FEAT" "list the extensions" "RFC 2389";
    Hash hash LoggedIn None "HASH path" "checksum of a file" "draft-bryan-ftpext-hash" feature Some(|session| format!("HASH {}", session.hash.feature()));
    Help help Always None "HELP [command]" "help" "RFC 959";
    Host host LoggedOut None "HOST name" "choose a virtual host" "RFC 7151" feature Some(|_| "HOST".into());
    Lang lang Always None "LANG [language]" "language of replies" "RFC 2640" feature Some(|_| "LANG EN*".into());
    List list LoggedIn None "LIST [-options] [path]" "list for people" "RFC 959" transfers true;
    Lprt lprt LoggedIn None "LPRT family,length,address…,length,port…" "active mode: where to connect" "RFC 1639" feature Some(|_| "LPRT".into());
    Lpsv lpsv LoggedIn None "LPSV" "passive mode: listen" "RFC 1639" feature Some(|_| "LPSV".into());
    Md5 md5 LoggedIn None "MD5 path" "MD5 of a file" "draft-twine-ftpmd5" feature Some(|_| "MD5".into());
    Mdtm mdtm LoggedIn None "MDTM path" "time of the last change" "RFC 3659" feature Some(|_| "MDTM".into());
    Mfct mfct LoggedIn Write "MFCT time path" "set the creation time" "draft-somers-ftp-mfxx";
    Mff mff LoggedIn Write "MFF fact=value;… path" "set facts" "draft-somers-ftp-mfxx" feature Some(|_| "MFF Modify;UNIX.mode;".into());
    Mfmt mfmt LoggedIn Write "MFMT time path" "set the time of the last change" "draft-somers-ftp-mfxx" feature Some(|_| "MFMT".into());
    Mkd mkd LoggedIn Write "MKD path" "make a directory" "RFC 959";
    Mlsd mlsd LoggedIn None "MLSD [path]" "list for programs" "RFC 3659" transfers true;
    Mlst mlst LoggedIn None "MLST [path]" "describe for programs" "RFC 3659" feature Some(|session| format!("MLST {}", session.facts.feature()));
    Mode mode LoggedIn None "MODE S|B" "transfer mode" "RFC 959" feature Some(|_| "MODE S;B".into());
    Nlst nlst LoggedIn None "NLST [-options] [path]" "list names" "RFC 959" transfers true;
    Noop noop Always None "NOOP" "do nothing" "RFC 959" during_transfer true;
    Opts opts Always None "OPTS command options" "set options" "RFC 2389";
    Pass pass Always None "PASS password" "password" "RFC 959";
    Pasv pasv LoggedIn None "PASV" "passive mode: listen" "RFC 959" feature Some(|_| "PASV".into());
    Pbsz pbsz Always None "PBSZ 0" "comes before PROT" "RFC 4217" feature Some(|_| "PBSZ".into());
    Port port LoggedIn None "PORT h1,h2,h3,h4,p1,p2" "active mode: where to connect" "RFC 959";
    Prot prot Always None "PROT C|P" "protection of data connections" "RFC 4217" feature Some(|_| "PROT".into());
    Pwd pwd LoggedIn None "PWD" "say the working directory" "RFC 959";
    Quit quit Always None "QUIT" "end the session" "RFC 959";
    Rein rein Always None "REIN" "log out" "RFC 959";
    Rest rest LoggedIn None "REST offset" "where the next transfer begins" "RFC 3659" feature Some(|_| "REST STREAM".into());
    Retr retr LoggedIn None "RETR path" "send a file" "RFC 959" transfers true;
    Rmd rmd LoggedIn Write "RMD path" "remove an empty directory" "RFC 959";
    Rmda rmda LoggedIn Write "RMDA path" "remove a directory and all in it" "convention" feature Some(|_| "RMDA path".into());
    Rnfr rnfr LoggedIn Write "RNFR path" "rename: the old name" "RFC 959";
    Rnto rnto LoggedIn Write "RNTO path" "rename: the new name" "RFC 959";
    Site site LoggedIn None "SITE command" "CHMOD, HELP, QUOTA, SYMLINK, UTIME, WHO" "RFC 959" feature Some(|_| "SITE CHMOD;HELP;QUOTA;SYMLINK;UTIME;WHO".into());
    Size size LoggedIn None "SIZE path" "bytes of a file" "RFC 3659" feature Some(|_| "SIZE".into());
    Stat stat Always None "STAT [path]" "status, or a listing" "RFC 959" during_transfer true;
    Stor stor LoggedIn Write "STOR path" "store a file" "RFC 959" transfers true;
    Stou stou LoggedIn Write "STOU [path]" "store a file under a new name" "RFC 959" transfers true;
    Stru stru LoggedIn None "STRU F|R" "file structure" "RFC 959";
    Syst syst Always None "SYST" "kind of system" "RFC 959";
    Type r#type LoggedIn None "TYPE A|E|I|L 8" "representation type" "RFC 959";
    User user Always None "USER name" "user name" "RFC 959";
    Xcrc xcrc LoggedIn None "XCRC \"path\" [start [end]]" "CRC-32 of a file" "convention" feature Some(|_| "XCRC \"path\" start end".into());
    Xcup cdup LoggedIn None "XCUP" "go to the parent directory" "RFC 775";
    Xcwd cwd LoggedIn None "XCWD path" "go to a directory" "RFC 775";
    Xmd5 xmd5 LoggedIn None "XMD5 \"path\" [start [end]]" "MD5 of a file" "convention" feature Some(|_| "XMD5 \"path\" start end".into());
    Xmkd mkd LoggedIn Write "XMKD path" "make a directory" "RFC 775";
    Xpwd pwd LoggedIn None "XPWD" "say the working directory" "RFC 775";
    Xrmd rmd LoggedIn Write "XRMD path" "remove an empty directory" "RFC 775";
    Xsha xsha LoggedIn None "XSHA \"path\" [start [end]]" "SHA-1 of a file" "convention" feature Some(|_| "XSHA \"path\" start end".into());
    Xsha1 xsha LoggedIn None "XSHA1 \"path\" [start [end]]" "SHA-1 of a file" "convention" feature Some(|_| "XSHA1 \"path\" start end".into());
    Xsha256 xsha256 LoggedIn None "XSHA256 \"path\" [start [end]]" "SHA-256 of a file" "convention" feature Some(|_| "XSHA256 \"path\" start end".into());
    Xsha512 xsha512 LoggedIn None "XSHA512 \"path\" [start [end]]" "SHA-512 of a file" "convention" feature Some(|_| "XSHA512 \"path\" start end".into());
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_and_names_each_verb_once() {
        assert!(VERBS.windows(2).all(|pair| pair[0].verb.as_str() < pair[1].verb.as_str()));
    }

    #[test]
    fn t14_what_changes_storage_needs_the_right_and_the_login() {
        for entry in VERBS {
            if entry.right != Right::None {
                assert_eq!(entry.allowed, When::LoggedIn, "{}", entry.verb);
            }
        }
    }
}
