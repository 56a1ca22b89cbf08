//! From the greeting to the first command of somebody who is logged in.

use super::conversation::{Conversation, Sender};
use super::error::{Phase, Problem};
use super::session::Output;
use super::settings::TlsPolicy;
use portolan_wire::Verb;
use portolan_wire::received::Received;
use std::time::Instant;

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Login {
    Greeting,
    /// The answer to `AUTH` with this mechanism.
    Auth(&'static str),
    /// The TLS handshake.
    Securing,
    /// The name of who logs in to an FTP proxy, and the password.
    ProxyUser,
    ProxyPassword,
    User,
    Password,
    Account,
    Pbsz,
    Prot,
    Feat,
    Utf8,
    Done,
}

type Failed = (Phase, Problem);

impl Login {
    /// What was being done.
    pub(super) fn phase(self) -> Phase {
        match self {
            Login::Greeting => Phase::Greeting,
            Login::Auth(_) | Login::Securing | Login::Pbsz | Login::Prot => Phase::Tls,
            Login::ProxyUser | Login::ProxyPassword => Phase::Proxy,
            _ => Phase::Login,
        }
    }

    /// Takes the next reply.
    pub(super) fn take(
        self,
        conversation: &mut Conversation,
        now: Instant,
        reply: Received,
    ) -> Result<Login, Failed> {
        let refused = |reply| Err((self.phase(), Problem::Refused(reply)));
        match (self, reply.number) {
            // 120 says that it takes some minutes; the reply that ends it is waited for as ever.
            (_, 100..200) => Ok(self),
            (Login::Greeting, 220) => {
                // The greeting of a proxy says nothing of the server.
                if conversation.settings.gateway.is_none() {
                    conversation.features.greeted(&reply);
                }
                match conversation.settings.tls {
                    TlsPolicy::Auto | TlsPolicy::Required => self.auth(conversation, now, "TLS"),
                    TlsPolicy::Off | TlsPolicy::Implicit => self.begin(conversation, now),
                }
            }
            (Login::Auth(_), 234) => {
                conversation.outputs.push_back(Output::Secure);
                Ok(Login::Securing)
            }
            // The name that it had before RFC 4217.
            (Login::Auth("TLS"), 504) => self.auth(conversation, now, "SSL"),
            (Login::Auth(_), 421) => refused(reply),
            (Login::Auth(_), _) if conversation.settings.tls == TlsPolicy::Auto => {
                conversation.outputs.push_back(Output::InTheClear(reply));
                self.begin(conversation, now)
            }
            (Login::ProxyUser, 331) => {
                let login = conversation.settings.gateway.as_ref().and_then(|gateway| gateway.login.as_ref());
                let password = login.map_or_else(Vec::new, |login| login.password.clone());
                self.say(conversation, now, Verb::Pass, &password)?;
                Ok(Login::ProxyPassword)
            }
            (Login::ProxyUser | Login::ProxyPassword, 200..300) => self.user(conversation, now),
            (Login::User | Login::Password | Login::Account, 200..300) => self.logged_in(conversation, now),
            (Login::User, 331) => {
                let password = conversation.settings.credentials.password.clone();
                self.say(conversation, now, Verb::Pass, &password)?;
                Ok(Login::Password)
            }
            (Login::User | Login::Password, 332) => match conversation.settings.credentials.account.clone() {
                Some(account) => {
                    self.say(conversation, now, Verb::Acct, &account)?;
                    Ok(Login::Account)
                }
                None => refused(reply),
            },
            // Servers that know PROT only are told what they know.
            (Login::Pbsz, number) if number != 421 => {
                self.say(conversation, now, Verb::Prot, b"P")?;
                Ok(Login::Prot)
            }
            (Login::Prot, 200..300) => {
                conversation.protect_data = true;
                self.ask_features(conversation, now)
            }
            (Login::Prot, 400..600)
                if conversation.settings.tls == TlsPolicy::Auto && reply.number != 421 =>
            {
                conversation.outputs.push_back(Output::InTheClear(reply));
                self.ask_features(conversation, now)
            }
            (Login::Feat, number) if number != 421 => {
                if reply.is_done() {
                    conversation.features.listed(&reply);
                }
                if !conversation.settings.utf8 || !conversation.features.offers("UTF8") {
                    return Ok(Login::Done);
                }
                // It is the default where it is offered (RFC 2640), but not for all that do.
                self.say(conversation, now, Verb::Opts, b"UTF8 ON")?;
                Ok(Login::Utf8)
            }
            (Login::Utf8, number) if number != 421 => Ok(Login::Done),
            (_, 400..600) => refused(reply),
            _ => Err((self.phase(), Problem::Unexpected(reply))),
        }
    }

    /// TLS has begun.
    pub(super) fn secured(self, conversation: &mut Conversation, now: Instant) -> Result<Login, Failed> {
        conversation.secure = true;
        self.begin(conversation, now)
    }

    fn auth(
        self,
        conversation: &mut Conversation,
        now: Instant,
        mechanism: &'static str,
    ) -> Result<Login, Failed> {
        self.say(conversation, now, Verb::Auth, mechanism.as_bytes())?;
        Ok(Login::Auth(mechanism))
    }

    /// Says who logs in, to an FTP proxy first if that wants to know.
    fn begin(self, conversation: &mut Conversation, now: Instant) -> Result<Login, Failed> {
        let gateway = conversation.settings.gateway.as_ref();
        let Some(login) = gateway.and_then(|gateway| gateway.login.clone()) else {
            return self.user(conversation, now);
        };
        self.say(conversation, now, Verb::User, &login.user)?;
        Ok(Login::ProxyUser)
    }

    fn user(self, conversation: &mut Conversation, now: Instant) -> Result<Login, Failed> {
        let mut user = conversation.settings.credentials.user.clone();
        if let Some(gateway) = &conversation.settings.gateway {
            user.push(b'@');
            user.extend_from_slice(gateway.target.as_bytes());
        }
        self.say(conversation, now, Verb::User, &user)?;
        Ok(Login::User)
    }

    fn logged_in(self, conversation: &mut Conversation, now: Instant) -> Result<Login, Failed> {
        if !conversation.secure {
            return self.ask_features(conversation, now);
        }
        self.say(conversation, now, Verb::Pbsz, b"0")?;
        Ok(Login::Pbsz)
    }

    fn ask_features(self, conversation: &mut Conversation, now: Instant) -> Result<Login, Failed> {
        let said = conversation.say(now, Sender::Login, Verb::Feat, None);
        said.map_err(|error| (self.phase(), Problem::Command(error)))?;
        Ok(Login::Feat)
    }

    fn say(
        self,
        conversation: &mut Conversation,
        now: Instant,
        verb: Verb,
        argument: &[u8],
    ) -> Result<(), Failed> {
        let said = conversation.say(now, Sender::Login, verb, Some(argument));
        said.map_err(|error| (self.phase(), Problem::Command(error)))
    }
}
