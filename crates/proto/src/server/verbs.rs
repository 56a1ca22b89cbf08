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
    ($($verb:ident $module:ident $allowed:ident $syntax:literal $about:literal $source:literal $($extra:ident $value:expr)?;)*) => {
        &[$(Entry {
            verb: Verb::$verb,
            syntax: $syntax,
            about: $about,
            source: $source,
            allowed: When::$allowed,
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
    during_transfer: false,
    transfers: false,
    feature: None,
    run: verb::noop::run,
};

/// Every verb that is offered.
#[rustfmt::skip]
pub const VERBS: &[Entry] = table! {
    Abor abor Always "ABOR" "abort the running transfer" "RFC 959" during_transfer true;
    Acct acct LoggedIn "ACCT account" "not needed here" "RFC 959";
    Allo allo LoggedIn "ALLO bytes [R bytes]" "not needed here" "RFC 959";
    Appe appe LoggedIn "APPE path" "store at the end of a file" "RFC 959" transfers true;
    Auth auth Always "AUTH TLS" "begin TLS" "RFC 4217" feature Some(|_| "AUTH TLS".into());
    Avbl avbl LoggedIn "AVBL [path]" "bytes that can be stored" "draft-peterson-streamlined-ftp-command-extensions" feature Some(|_| "AVBL".into());
    Ccc ccc LoggedIn "CCC" "end TLS on the control connection" "RFC 4217" feature Some(|_| "CCC".into());
    Cdup cdup LoggedIn "CDUP" "go to the parent directory" "RFC 959";
    Clnt clnt Always "CLNT name" "say what client this is" "convention" feature Some(|_| "CLNT".into());
    Comb comb LoggedIn "COMB \"target\" \"source\" …" "append files to one and remove them" "convention" feature Some(|_| "COMB target;source_list".into());
    Cpsv cpsv LoggedIn "CPSV" "passive mode, for another server: this side begins TLS" "convention" feature Some(|_| "CPSV".into());
    Csid csid Always "CSID Name=name; Version=version;" "say what client and server these are" "draft-peterson-streamlined-ftp-command-extensions" feature Some(|_| "CSID".into());
    Cwd cwd LoggedIn "CWD path" "go to a directory" "RFC 959";
    Dele dele LoggedIn "DELE path" "delete a file" "RFC 959";
    Dsiz dsiz LoggedIn "DSIZ [path]" "bytes of all files in a directory" "draft-peterson-streamlined-ftp-command-extensions" feature Some(|_| "DSIZ".into());
    Eprt eprt LoggedIn "EPRT |family|address|port|" "active mode: where to connect" "RFC 2428" feature Some(|_| "EPRT".into());
    Epsv epsv LoggedIn "EPSV [1|2|ALL]" "passive mode: listen" "RFC 2428" feature Some(|_| "EPSV".into());
    Feat feat Always "FEAT" "list the extensions" "RFC 2389";
    Hash hash LoggedIn "HASH path" "checksum of a file" "draft-bryan-ftpext-hash" feature Some(|session| format!("HASH {}", session.hash.feature()));
    Help help Always "HELP [command]" "help" "RFC 959";
    Host host LoggedOut "HOST name" "choose a virtual host" "RFC 7151" feature Some(|_| "HOST".into());
    Lang lang Always "LANG [language]" "language of replies" "RFC 2640" feature Some(|_| "LANG EN*".into());
    List list LoggedIn "LIST [-options] [path]" "list for people" "RFC 959" transfers true;
    Lprt lprt LoggedIn "LPRT family,length,address…,length,port…" "active mode: where to connect" "RFC 1639" feature Some(|_| "LPRT".into());
    Lpsv lpsv LoggedIn "LPSV" "passive mode: listen" "RFC 1639" feature Some(|_| "LPSV".into());
    Md5 md5 LoggedIn "MD5 path" "MD5 of a file" "draft-twine-ftpmd5" feature Some(|_| "MD5".into());
    Mdtm mdtm LoggedIn "MDTM path" "time of the last change" "RFC 3659" feature Some(|_| "MDTM".into());
    Mfct mfct LoggedIn "MFCT time path" "set the creation time" "draft-somers-ftp-mfxx";
    Mff mff LoggedIn "MFF fact=value;… path" "set facts" "draft-somers-ftp-mfxx" feature Some(|_| "MFF Modify;UNIX.mode;".into());
    Mfmt mfmt LoggedIn "MFMT time path" "set the time of the last change" "draft-somers-ftp-mfxx" feature Some(|_| "MFMT".into());
    Mkd mkd LoggedIn "MKD path" "make a directory" "RFC 959";
    Mlsd mlsd LoggedIn "MLSD [path]" "list for programs" "RFC 3659" transfers true;
    Mlst mlst LoggedIn "MLST [path]" "describe for programs" "RFC 3659" feature Some(|session| format!("MLST {}", session.facts.feature()));
    Mode mode LoggedIn "MODE S|B|Z" "transfer mode" "RFC 959" feature Some(|_| "MODE S;B".into());
    Nlst nlst LoggedIn "NLST [-options] [path]" "list names" "RFC 959" transfers true;
    Noop noop Always "NOOP" "do nothing" "RFC 959" during_transfer true;
    Opts opts Always "OPTS command options" "set options" "RFC 2389";
    Pass pass Always "PASS password" "password" "RFC 959";
    Pasv pasv LoggedIn "PASV" "passive mode: listen" "RFC 959" feature Some(|_| "PASV".into());
    Pbsz pbsz Always "PBSZ 0" "comes before PROT" "RFC 4217" feature Some(|_| "PBSZ".into());
    Port port LoggedIn "PORT h1,h2,h3,h4,p1,p2" "active mode: where to connect" "RFC 959";
    Prot prot Always "PROT C|P" "protection of data connections" "RFC 4217" feature Some(|_| "PROT".into());
    Pwd pwd LoggedIn "PWD" "say the working directory" "RFC 959";
    Quit quit Always "QUIT" "end the session" "RFC 959";
    Rein rein Always "REIN" "log out" "RFC 959";
    Rest rest LoggedIn "REST offset" "where the next transfer begins" "RFC 3659" feature Some(|_| "REST STREAM".into());
    Retr retr LoggedIn "RETR path" "send a file" "RFC 959" transfers true;
    Rmd rmd LoggedIn "RMD path" "remove an empty directory" "RFC 959";
    Rmda rmda LoggedIn "RMDA path" "remove a directory and all in it" "convention" feature Some(|_| "RMDA path".into());
    Rnfr rnfr LoggedIn "RNFR path" "rename: the old name" "RFC 959";
    Rnto rnto LoggedIn "RNTO path" "rename: the new name" "RFC 959";
    Site site LoggedIn "SITE command" "CHMOD, HELP, QUOTA, SYMLINK, UTIME, WHO" "RFC 959" feature Some(|_| "SITE CHMOD;HELP;QUOTA;SYMLINK;UTIME;WHO".into());
    Size size LoggedIn "SIZE path" "bytes of a file" "RFC 3659" feature Some(|_| "SIZE".into());
    Sscn sscn LoggedIn "SSCN [ON|OFF]" "begin TLS on data connections, with another server" "convention" feature Some(|_| "SSCN".into());
    Stat stat Always "STAT [path]" "status, or a listing" "RFC 959" during_transfer true;
    Stor stor LoggedIn "STOR path" "store a file" "RFC 959" transfers true;
    Stou stou LoggedIn "STOU [path]" "store a file under a new name" "RFC 959" transfers true;
    Stru stru LoggedIn "STRU F|R" "file structure" "RFC 959";
    Syst syst Always "SYST" "kind of system" "RFC 959";
    Type r#type LoggedIn "TYPE A|E|I|L 8" "representation type" "RFC 959";
    User user Always "USER name" "user name" "RFC 959";
    Xcrc xcrc LoggedIn "XCRC \"path\" [start [end]]" "CRC-32 of a file" "convention" feature Some(|_| "XCRC \"path\" start end".into());
    Xcup cdup LoggedIn "XCUP" "go to the parent directory" "RFC 775";
    Xcwd cwd LoggedIn "XCWD path" "go to a directory" "RFC 775";
    Xmd5 xmd5 LoggedIn "XMD5 \"path\" [start [end]]" "MD5 of a file" "convention" feature Some(|_| "XMD5 \"path\" start end".into());
    Xmkd mkd LoggedIn "XMKD path" "make a directory" "RFC 775";
    Xpwd pwd LoggedIn "XPWD" "say the working directory" "RFC 775";
    Xrmd rmd LoggedIn "XRMD path" "remove an empty directory" "RFC 775";
    Xsha xsha LoggedIn "XSHA \"path\" [start [end]]" "SHA-1 of a file" "convention" feature Some(|_| "XSHA \"path\" start end".into());
    Xsha1 xsha LoggedIn "XSHA1 \"path\" [start [end]]" "SHA-1 of a file" "convention" feature Some(|_| "XSHA1 \"path\" start end".into());
    Xsha256 xsha256 LoggedIn "XSHA256 \"path\" [start [end]]" "SHA-256 of a file" "convention" feature Some(|_| "XSHA256 \"path\" start end".into());
    Xsha512 xsha512 LoggedIn "XSHA512 \"path\" [start [end]]" "SHA-512 of a file" "convention" feature Some(|_| "XSHA512 \"path\" start end".into());
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_and_names_each_verb_once() {
        assert!(VERBS.windows(2).all(|pair| pair[0].verb.as_str() < pair[1].verb.as_str()));
    }
}
