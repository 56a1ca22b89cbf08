//! The verbs: the first word of a command.
//!
//! Every verb of RFC 959 and its successors that Portolan has a word for, whether or not a server
//! offers it: a known verb that is not offered gets 502, an unknown one 500.

macro_rules! verbs {
    ($($(#[$doc:meta])* $name:ident $text:literal,)*) => {
        /// A verb. The name is the one of the RFCs; see [`Verb::as_str`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Verb {
            $($(#[$doc])* $name,)*
        }

        impl Verb {
            /// All verbs, in alphabetical order.
            pub const ALL: &[Verb] = &[$(Verb::$name,)*];

            /// The verb as it is written on the wire, in capitals.
            pub const fn as_str(self) -> &'static str {
                match self { $(Verb::$name => $text,)* }
            }
        }
    };
}

verbs! {
    /// Abort the running transfer (RFC 959).
    Abor "ABOR",
    /// Account (RFC 959).
    Acct "ACCT",
    /// Security data (RFC 2228).
    Adat "ADAT",
    /// FTP gateway status (RFC 6384).
    Algs "ALGS",
    /// Allocate storage (RFC 959).
    Allo "ALLO",
    /// Append (RFC 959).
    Appe "APPE",
    /// Choose a security mechanism (RFC 2228, RFC 4217).
    Auth "AUTH",
    /// Available space (draft-peterson-streamlined-ftp-command-extensions).
    Avbl "AVBL",
    /// Clear the command connection (RFC 2228, RFC 4217).
    Ccc "CCC",
    /// Change to the parent directory (RFC 959).
    Cdup "CDUP",
    /// Name of the client software.
    Clnt "CLNT",
    /// Combine files (draft of the IPSwitch servers).
    Comb "COMB",
    /// Confidential command (RFC 2228).
    Conf "CONF",
    /// Passive mode in which this server starts the TLS handshake, for transfers between servers.
    Cpsv "CPSV",
    /// Client and server identification (draft-peterson-streamlined-ftp-command-extensions).
    Csid "CSID",
    /// Change working directory (RFC 959).
    Cwd "CWD",
    /// Delete a file (RFC 959).
    Dele "DELE",
    /// Size of a directory tree (draft-peterson-streamlined-ftp-command-extensions).
    Dsiz "DSIZ",
    /// Privacy protected command (RFC 2228).
    Enc "ENC",
    /// Extended port (RFC 2428).
    Eprt "EPRT",
    /// Extended passive (RFC 2428).
    Epsv "EPSV",
    /// Feature list (RFC 2389).
    Feat "FEAT",
    /// Checksum of a file (draft-bryan-ftpext-hash).
    Hash "HASH",
    /// Help (RFC 959).
    Help "HELP",
    /// Virtual host (RFC 7151).
    Host "HOST",
    /// Language of replies (RFC 2640).
    Lang "LANG",
    /// Listing for people (RFC 959).
    List "LIST",
    /// Long port (RFC 1639).
    Lprt "LPRT",
    /// Long passive (RFC 1639).
    Lpsv "LPSV",
    /// MD5 of a file (draft-twine-ftpmd5).
    Md5 "MD5",
    /// Modification time (RFC 3659).
    Mdtm "MDTM",
    /// Set the creation time (draft-somers-ftp-mfxx).
    Mfct "MFCT",
    /// Set facts (draft-somers-ftp-mfxx).
    Mff "MFF",
    /// Set the modification time (draft-somers-ftp-mfxx).
    Mfmt "MFMT",
    /// Integrity protected command (RFC 2228).
    Mic "MIC",
    /// Make a directory (RFC 959).
    Mkd "MKD",
    /// Machine listing of a directory (RFC 3659).
    Mlsd "MLSD",
    /// Machine listing of one object (RFC 3659).
    Mlst "MLST",
    /// Transfer mode (RFC 959).
    Mode "MODE",
    /// Name list (RFC 959).
    Nlst "NLST",
    /// No operation (RFC 959).
    Noop "NOOP",
    /// Options of a command (RFC 2389).
    Opts "OPTS",
    /// Password (RFC 959).
    Pass "PASS",
    /// Passive (RFC 959).
    Pasv "PASV",
    /// Protection buffer size (RFC 2228).
    Pbsz "PBSZ",
    /// Data port (RFC 959).
    Port "PORT",
    /// Protection level of the data connection (RFC 2228).
    Prot "PROT",
    /// Print working directory (RFC 959).
    Pwd "PWD",
    /// End the session (RFC 959).
    Quit "QUIT",
    /// Byte range of the next transfer (draft-bryan-ftp-range).
    Rang "RANG",
    /// Reinitialise: log out, keep the connection (RFC 959).
    Rein "REIN",
    /// Restart point of the next transfer (RFC 959, RFC 3659).
    Rest "REST",
    /// Retrieve a file (RFC 959).
    Retr "RETR",
    /// Remove a directory (RFC 959).
    Rmd "RMD",
    /// Remove a directory with all that is in it.
    Rmda "RMDA",
    /// Rename from (RFC 959).
    Rnfr "RNFR",
    /// Rename to (RFC 959).
    Rnto "RNTO",
    /// Commands of this site (RFC 959).
    Site "SITE",
    /// Size of a file (RFC 3659).
    Size "SIZE",
    /// Structure mount (RFC 959).
    Smnt "SMNT",
    /// This server starts the TLS handshake on data connections, for transfers between servers.
    Sscn "SSCN",
    /// Status (RFC 959).
    Stat "STAT",
    /// Store a file (RFC 959).
    Stor "STOR",
    /// Store under a name of the server's choice (RFC 959).
    Stou "STOU",
    /// File structure (RFC 959).
    Stru "STRU",
    /// System (RFC 959).
    Syst "SYST",
    /// Representation type (RFC 959).
    Type "TYPE",
    /// User name (RFC 959).
    User "USER",
    /// CRC-32 of a file.
    Xcrc "XCRC",
    /// Old name of CDUP (RFC 775).
    Xcup "XCUP",
    /// Old name of CWD (RFC 775).
    Xcwd "XCWD",
    /// MD5 of a file.
    Xmd5 "XMD5",
    /// Old name of MKD (RFC 775).
    Xmkd "XMKD",
    /// Old name of PWD (RFC 775).
    Xpwd "XPWD",
    /// Old name of RMD (RFC 775).
    Xrmd "XRMD",
    /// SHA-1 of a file.
    Xsha "XSHA",
    /// SHA-1 of a file.
    Xsha1 "XSHA1",
    /// SHA-256 of a file.
    Xsha256 "XSHA256",
    /// SHA-512 of a file.
    Xsha512 "XSHA512",
}

impl Verb {
    /// Finds the verb, whatever its case. `None` for anything else, non-ASCII bytes included.
    pub fn parse(word: &[u8]) -> Option<Verb> {
        let text = std::str::from_utf8(word).ok()?;
        Verb::ALL.iter().copied().find(|verb| verb.as_str().eq_ignore_ascii_case(text))
    }
}

impl std::fmt::Display for Verb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_is_found_by_its_name_in_any_case() {
        for verb in Verb::ALL {
            assert_eq!(Verb::parse(verb.as_str().as_bytes()), Some(*verb));
            assert_eq!(Verb::parse(verb.as_str().to_lowercase().as_bytes()), Some(*verb));
        }
        assert!(Verb::ALL.is_sorted_by_key(|verb| verb.as_str()));
    }

    #[test]
    fn t41_no_first_byte_is_mistaken_for_a_letter() {
        for byte in 0..=255u8 {
            let found = Verb::parse(&[byte, b'U', b'I', b'T']);
            assert_eq!(found.is_some(), byte == b'q' || byte == b'Q', "byte {byte}");
        }
    }
}
