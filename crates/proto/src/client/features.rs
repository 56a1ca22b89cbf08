//! What a server offers, by its own words.

use portolan_wire::received::Received;

/// Programs that Portolan knows the ways of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Software {
    /// Portolan.
    Portolan,
    /// vsftpd.
    Vsftpd,
    /// ProFTPD.
    ProFtpd,
    /// Pure-FTPd.
    PureFtpd,
    /// pyftpdlib.
    Pyftpdlib,
    /// FileZilla Server.
    FileZilla,
    /// That of Microsoft's IIS.
    Iis,
    /// Any other, or one that does not say.
    #[default]
    Unknown,
}

/// How greetings name them.
const GREETINGS: [(&[u8], Software); 8] = [
    (b"portolan", Software::Portolan),
    (b"vsftpd", Software::Vsftpd),
    (b"proftpd", Software::ProFtpd),
    (b"pure-ftpd", Software::PureFtpd),
    (b"pyftpdlib", Software::Pyftpdlib),
    (b"filezilla", Software::FileZilla),
    (b"microsoft ftp service", Software::Iis),
    (b"microsoft ftp server", Software::Iis),
];

/// What only one program says in its answer to `FEAT`: many do not say in their greetings what they are.
const OWN_FEATURES: [(&str, &str, Software); 2] =
    [("MLST", "UNIX.ownername", Software::ProFtpd), ("SPSV", "", Software::PureFtpd)];

/// What a server offers (RFC 2389), and what it seems to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Features {
    /// The lines of `FEAT`, in capitals up to their first space. Empty when the server does not know it.
    lines: Vec<String>,
    /// The program.
    pub software: Software,
}

/// Features that are read; more are left out.
const LINES_MAX: usize = 200;

impl Features {
    pub(super) fn greeted(&mut self, greeting: &Received) {
        let text = greeting.lines.concat().to_ascii_lowercase();
        let holds = |name: &[u8]| text.windows(name.len()).any(|part| part == name);
        let found = GREETINGS.iter().find(|(name, _)| holds(name));
        self.software = found.map_or(Software::Unknown, |(_, software)| *software);
    }

    pub(super) fn listed(&mut self, reply: &Received) {
        let between = reply.lines.iter().skip(1).take(LINES_MAX);
        let line = |line: &Vec<u8>| {
            let text = String::from_utf8_lossy(line).trim().to_owned();
            let (name, rest) = text.split_once(' ').unwrap_or((&text, ""));
            format!("{} {}", name.to_ascii_uppercase(), rest.trim()).trim_end().to_owned()
        };
        self.lines = between.map(line).filter(|line| !line.is_empty()).collect();
        if self.software == Software::Unknown {
            let has = |name, part| self.details(name).is_some_and(|details| details.contains(part));
            let own = OWN_FEATURES.iter().find(|(name, part, _)| has(name, *part));
            self.software = own.map_or(Software::Unknown, |(.., software)| *software);
        }
    }

    /// True when it offers this, in capitals.
    pub fn offers(&self, name: &str) -> bool {
        self.details(name).is_some()
    }

    /// True when it offers this, or does not say what it offers.
    pub fn may_offer(&self, name: &str) -> bool {
        self.lines.is_empty() || self.offers(name)
    }

    /// True when it says that it knows block mode, by `MODE S;B` for instance.
    pub fn offers_blocks(&self) -> bool {
        let modes = self.lines.iter().filter_map(|line| line.strip_prefix("MODE "));
        modes.flat_map(|modes| modes.split([';', ' '])).any(|mode| mode.eq_ignore_ascii_case("B"))
    }

    /// True for programs that are known to leave commands alone that come while a transfer runs, and to take them after it.
    /// ProFTPD is none of them: what it happens to see meanwhile it answers at once, by 450.
    pub fn queues(&self) -> bool {
        matches!(self.software, Software::Portolan | Software::Vsftpd)
    }

    /// What it says about it: `STREAM` of `REST`, the facts of `MLST`.
    pub fn details(&self, name: &str) -> Option<&str> {
        self.lines.iter().find_map(|line| {
            let rest = line.strip_prefix(name)?;
            if rest.is_empty() { Some("") } else { rest.strip_prefix(' ') }
        })
    }
}
