//! How TLS protects a session (RFC 4217), and which virtual host it is with.

use super::effect::Outcome;
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
    /// The client showed a certificate.
    pub(super) certificate: bool,
    /// The host that the client named in the handshake.
    pub(super) name: Option<Vec<u8>>,
}

impl Security {
    pub(super) const NONE: Security =
        Security { control: Control::Clear, sized: false, data: false, certificate: false, name: None };

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
        self.security = Security { control: Control::Protected, sized: false, data, certificate, name };
        if differs {
            return Step::Close(replies::hosts_differ());
        }
        self.chosen = named.or(self.chosen);
        Step::Later
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
