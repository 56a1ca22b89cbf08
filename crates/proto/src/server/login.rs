//! Who is logged in.

use super::effect::Terms;
use super::replies;
use portolan_wire::path::PathError;
use portolan_wire::{Reply, VirtualPath};

/// Who is logged in. Only [`LoggedIn`] knows a working directory, and every path comes from
/// there: nothing that runs before the login can name a file.
#[derive(Debug)]
pub(super) enum Login {
    Nobody,
    Named { user: Vec<u8> },
    Somebody(LoggedIn),
}

#[derive(Debug)]
pub(super) struct LoggedIn {
    pub(super) user: Vec<u8>,
    pub(super) terms: Terms,
    pub(super) directory: VirtualPath,
}

impl Login {
    /// Who is logged in.
    ///
    /// # Errors
    /// The reply 530 when nobody is.
    pub(super) fn logged_in(&self) -> Result<&LoggedIn, Reply> {
        match self {
            Login::Somebody(somebody) => Ok(somebody),
            Login::Nobody | Login::Named { .. } => Err(replies::not_logged_in()),
        }
    }

    /// From now on these count, if somebody is logged in.
    pub(super) fn set_terms(&mut self, terms: Terms) {
        if let Login::Somebody(somebody) = self {
            somebody.terms = terms;
        }
    }

    pub(super) fn user(&self) -> Option<&[u8]> {
        self.logged_in().ok().map(|somebody| &somebody.user[..])
    }

    /// The path that an argument means.
    ///
    /// # Errors
    /// The reply to send when nobody is logged in, or when the argument is no path.
    pub(super) fn path(&self, argument: &[u8]) -> Result<VirtualPath, Reply> {
        if argument.is_empty() {
            return Err(replies::argument_missing());
        }
        self.path_or_here(argument)
    }

    /// The same, where nothing means the working directory.
    pub(super) fn path_or_here(&self, argument: &[u8]) -> Result<VirtualPath, Reply> {
        self.logged_in()?.directory.join(argument).map_err(|error| match error {
            PathError::ForbiddenByte => replies::malformed_line(),
            PathError::TooLong => replies::path_too_long(),
        })
    }
}
