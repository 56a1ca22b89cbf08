//! Clients from another age, and what they are spared.

use super::session::Session;
use ipnet::IpNet;
use portolan_wire::list::{Form, Options};
use portolan_wire::parameters::Representation;
use std::net::IpAddr;

/// A kind of client. What is not said does not matter; of what is said, all has to be so.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Device {
    /// It comes from one of these networks.
    pub from: Vec<IpNet>,
    /// This is in what it says with `CLNT` that it is, in any case.
    pub client: Option<String>,
    /// It logs in as one of these.
    pub users: Vec<String>,
    /// What it is spared.
    pub quirks: Quirks,
}

/// What a client is spared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quirks {
    /// Any `TYPE` is taken, and means that bytes travel as they are.
    pub binary: bool,
    /// `EPSV` and `EPRT` are not there (RFC 2428).
    pub not_extended: bool,
    /// The form of `LIST`.
    pub form: Form,
}

impl Device {
    fn is(&self, peer: IpAddr, client: &[u8], user: Option<&[u8]>) -> bool {
        let peer = peer.to_canonical();
        let from = self.from.is_empty() || self.from.iter().any(|network| network.contains(&peer));
        let named = self.client.as_ref().is_none_or(|name| {
            let (name, client) = (name.to_ascii_lowercase(), client.to_ascii_lowercase());
            client.windows(name.len().max(1)).any(|part| part == name.as_bytes())
        });
        let known = self.users.is_empty()
            || user.is_some_and(|user| self.users.iter().any(|own| own.as_bytes() == user));
        from && named && known
    }
}

impl Session {
    /// Sees anew what the client is spared, since more is known of it, or less.
    pub(super) fn recognize(&mut self) {
        let mut quirks = Quirks::default();
        for device in &self.settings.devices {
            if device.is(self.peer.ip(), &self.client, self.login.user()) {
                let Quirks { binary, not_extended, form } = device.quirks;
                quirks.binary |= binary;
                quirks.not_extended |= not_extended;
                quirks.form = if form == Form::Unix { quirks.form } else { form };
            }
        }
        if quirks.binary {
            self.parameters.representation = Representation::Image;
        }
        self.quirks = quirks;
    }

    /// The options of a listing, in the form that the client can read, and the path.
    pub(super) fn listing_options<'a>(&self, argument: &'a [u8]) -> (Options, &'a [u8]) {
        let (options, path) = Options::parse(argument);
        (Options { form: self.quirks.form, ..options }, path)
    }
}
