//! How TLS protects a session (RFC 4217), and which virtual host it is with.

use super::effect::{Outcome, Protection};
use super::replies;
use super::session::{Session, Step};
use portolan_wire::Reply;

/// How the control connection travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Control {
    /// It has never been protected.
    Clear,
    /// TLS protects it.
    Protected,
    /// `CCC` has ended its protection.
    Cleared,
}

/// How TLS protects a session.
#[derive(Debug)]
pub(super) struct Security {
    pub(super) control: Control,
    /// `PBSZ` has been sent.
    pub(super) sized: bool,
    /// `PROT P` is in force: data connections are protected.
    pub(super) data: bool,
    /// `SSCN ON` is in force: this side begins the handshakes on data connections.
    pub(super) begins: bool,
    /// The client showed a certificate.
    pub(super) certificate: bool,
    /// The host that the client named in the handshake.
    pub(super) name: Option<Vec<u8>>,
}

impl Security {
    pub(super) const NONE: Security = Security {
        control: Control::Clear,
        sized: false,
        data: false,
        begins: false,
        certificate: false,
        name: None,
    };

    pub(super) fn is_protected(&self) -> bool {
        self.control == Control::Protected
    }
}

impl Session {
    /// Goes on after the handshake. `data`: whether data is protected without `PROT` saying so.
    pub(super) fn take_handshake(&mut self, outcome: Outcome, data: bool) -> Step {
        let Outcome::Secured { name, certificate } = outcome else {
            // There is nobody left who could read a reply.
            return Step::Leave;
        };
        let named = name.as_deref().and_then(|name| self.settings.host(name));
        let differs = name.is_some() && self.chosen.is_some() && self.chosen != named;
        self.security = Security { control: Control::Protected, data, certificate, name, ..Security::NONE };
        if differs {
            return Step::Close(replies::hosts_differ());
        }
        self.chosen = named.or(self.chosen);
        Step::Later
    }

    /// True when who is logged in may transfer between servers (FXP).
    pub(super) fn may_meet_servers(&self) -> bool {
        self.login.logged_in().is_ok_and(|somebody| somebody.terms.fxp)
    }

    /// How the next data connection is protected, unless `CPSV` says otherwise.
    pub(super) fn protection(&self) -> Protection {
        match self.security.data {
            false => Protection::None,
            // The right may have gone since it was said.
            true if self.security.begins && self.may_meet_servers() => Protection::Client,
            true => Protection::Server,
        }
    }

    /// Refuses to be the client of a handshake, where nobody would be protected by it, or no other server may be there.
    ///
    /// # Errors
    /// The reply 534 without the right, 503 where something comes before.
    pub(super) fn allow_beginning(&self) -> Result<(), Reply> {
        if !self.may_meet_servers() {
            return Err(replies::no_other_servers());
        }
        match self.security.control {
            Control::Clear => Err(replies::auth_first()),
            Control::Cleared => Err(replies::after_ccc()),
            Control::Protected if !self.security.data => Err(replies::protected_data_first()),
            Control::Protected => Ok(()),
        }
    }

    /// Refuses what has to be protected and is not.
    ///
    /// # Errors
    /// The reply 521.
    pub(super) fn allow_data(&self) -> Result<(), Reply> {
        use super::settings::TlsPolicy;
        let needed = self.tls == TlsPolicy::RequireData
            || self.login.logged_in().is_ok_and(|somebody| somebody.terms.protected_data);
        if needed && !self.security.data { Err(replies::data_needs_tls()) } else { Ok(()) }
    }
}
