//! Who logs in, and what counts for them from then on.
//!
//! What this is not: it checks no passwords. The accounts do.

use crate::orders::Orders;
use crate::registry::User;
use crate::tree::Tree;
use crate::{Shared, speeds};
use portolan_accounts::{Access, Account, Hours, Open as Allowed, Refusal, TlsNeed};
use portolan_certs::users_in;
use portolan_events::{What, Who, text};
use portolan_net::Direction;
use portolan_proto::server::{Failure, Host, Outcome, Proof, Terms};
use rustls::pki_types::CertificateDer;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Somebody who wants to log in.
pub(crate) struct Login {
    pub(crate) session: u64,
    pub(crate) peer: SocketAddr,
    pub(crate) host: Host,
    pub(crate) user: Vec<u8>,
    pub(crate) proof: Proof,
    pub(crate) protected: bool,
    /// What the client showed in the TLS handshake.
    pub(crate) certificate: Option<CertificateDer<'static>>,
}

/// Somebody who is logged in.
#[derive(Clone)]
pub(crate) struct Member {
    pub(crate) user: User,
    pub(crate) tree: Arc<Tree>,
    /// TLS protected the control connection at the login.
    protected: bool,
    since: Instant,
    /// The [edition](Orders::edition) by which all that is so.
    pub(crate) edition: u64,
}

impl Member {
    /// True for what has come of one and the same login.
    pub(crate) fn is_same_login(&self, other: &Member) -> bool {
        self.user == other.user && self.since == other.since
    }
}

/// Why somebody with the right password may not log in.
enum Hindrance {
    NeedsTls,
    Elsewhere(String),
    Hours(String),
    /// The server is closed.
    Closed,
}

impl fmt::Display for Hindrance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Hindrance::NeedsTls => f.write_str("this user needs TLS"),
            Hindrance::Elsewhere(reason) => f.write_str(reason),
            Hindrance::Closed => f.write_str("the server is closed at this hour"),
            Hindrance::Hours(origin) => write!(f, "this is none of the user's hours ({origin})"),
        }
    }
}

/// Lets somebody in, or says why not.
pub(crate) async fn authenticate(
    shared: Arc<Shared>,
    orders: Arc<Orders>,
    login: Login,
) -> Result<(Member, Terms), Outcome> {
    let Login { session, peer, host, user, proof, protected, certificate } = login;
    let name = user.escape_ascii().to_string();
    let who = || Who { session, peer, user: Some(text(&user)) };
    let deny = async |reason: &str| {
        shared.options.events.note(who(), What::LoginFailed { reason: reason.to_owned() }).await;
    };
    if let Some(left) = shared.options.bans.find(peer.ip()).and_then(|ban| ban.left()) {
        // It began before.
        return Err(Outcome::Banned(left.as_secs()));
    }
    let account = match (&proof, orders.rules.accounts(host)) {
        (Proof::Password(password), Some(accounts)) => {
            accounts.authenticate(&user, password, peer.ip()).await
        }
        (Proof::Certificate, Some(accounts)) => {
            let names = certificate.map(|der| users_in(&der)).unwrap_or_default();
            accounts.vouched(&user, &names, peer.ip()).await
        }
        (_, None) => Err(Refusal::Wrong),
    };
    let account = match account {
        Ok(account) => account,
        // The reason is in the log.
        Err(Refusal::Unusable) => {
            deny("the account is of no use").await;
            return Err(Outcome::Failed(Failure::Local));
        }
        Err(refusal) => {
            if proof != Proof::Certificate {
                deny(if refusal == Refusal::Wrong { "wrong name or password" } else { "not enabled" }).await;
                if refusal == Refusal::Wrong {
                    shared.note_fault(who(), "wrong passwords").await;
                }
            }
            return Err(Outcome::Denied);
        }
    };
    let since = Instant::now();
    let terms = match terms(&account, &orders.rules.access, peer, protected, since) {
        Ok(terms) => terms,
        Err(hindrance) => {
            deny(&hindrance.to_string()).await;
            let needs_tls = matches!(hindrance, Hindrance::NeedsTls);
            return Err(if needs_tls { Outcome::NeedsTls } else { Outcome::Denied });
        }
    };
    let tree = shared.trees.open(Arc::clone(&account), &orders.rules).await.map_err(|error| {
        tracing::error!(session, %peer, user = name, %error, "a folder of the user cannot be opened");
        Outcome::Failed(Failure::Local)
    })?;
    let number = (host, Arc::from(account.name.as_bytes()));
    if !shared.registry.log_in(session, &number, *account.sessions) {
        deny("too many sessions of this user").await;
        return Err(Outcome::Full);
    }
    shared.options.events.note(Who { session, peer, user: Some(account.name.clone()) }, What::Login).await;
    Ok((Member { user: number, tree, protected, since, edition: orders.edition }, terms))
}

/// Somebody who is logged in as they are now, and on what terms; `None` when they may be so no longer.
/// It is rare, and an idle session has no room for it.
pub(crate) type Looked = Option<Box<(Member, Terms)>>;

/// After how long it is tried again to look somebody up.
const AGAIN: Duration = Duration::from_secs(10);

/// Looks up again what counts for somebody who is logged in. Until it can be looked up, it stays as it was.
pub(crate) async fn look_again(
    shared: Arc<Shared>,
    orders: Arc<Orders>,
    session: u64,
    peer: SocketAddr,
    member: Member,
) -> Looked {
    let (host, name) = &member.user;
    let user = name.escape_ascii().to_string();
    let account = loop {
        match orders.rules.accounts(*host)?.again(name, peer.ip()).await {
            Ok(account) => break account,
            Err(Refusal::Unusable) => tokio::time::sleep(AGAIN).await,
            Err(Refusal::Wrong | Refusal::Disabled) => {
                tracing::info!(session, %peer, user, "the account is no more, or not enabled");
                return None;
            }
        }
    };
    let terms = match terms(&account, &orders.rules.access, peer, member.protected, member.since) {
        Ok(terms) => terms,
        Err(hindrance) => {
            tracing::info!(session, %peer, user, "the account may not be used any more: {hindrance}");
            return None;
        }
    };
    match shared.trees.open(account, &orders.rules).await {
        Ok(tree) => {
            let member = Member { tree, edition: orders.edition, ..member };
            for direction in [Direction::Upload, Direction::Download] {
                for (whose, rate) in speeds::of(&member, &orders.rules, peer.ip(), direction) {
                    shared.speeds.change(whose, direction, rate);
                }
            }
            Some(Box::new((member, terms)))
        }
        Err(error) => {
            tracing::error!(session, %peer, user, %error, "a folder of the user cannot be opened");
            None
        }
    }
}

/// On what terms somebody may be logged in who began then.
fn terms(
    account: &Account,
    access: &Access,
    peer: SocketAddr,
    protected: bool,
    since: Instant,
) -> Result<Terms, Hindrance> {
    if *account.tls > TlsNeed::Nothing && !protected {
        return Err(Hindrance::NeedsTls);
    }
    if let Some(reason) = access.refuses(peer.ip()) {
        return Err(Hindrance::Elsewhere(format!("{reason} (for everybody)")));
    }
    if let Some((reason, origin)) = account.refuses(peer.ip()) {
        return Err(Hindrance::Elsewhere(format!("{reason} ({origin})")));
    }
    let closed = || Hindrance::Hours(account.hours.origin.to_string());
    let of_hours = until(&account.hours).map_err(|Closed| closed())?;
    let of_server = until(&access.hours).map_err(|Closed| Hindrance::Closed)?;
    let of_session = account.session_time.0.map(|time| since + time);
    Ok(Terms {
        fxp: *account.fxp,
        protected_data: *account.tls == TlsNeed::Data,
        idle: account.idle.0,
        until: [of_hours, of_server, of_session].into_iter().flatten().min(),
    })
}

/// It is none of the hours.
struct Closed;

/// When the hours end that it is now, if they do.
fn until(hours: &Hours) -> Result<Option<Instant>, Closed> {
    if hours.is_empty() {
        return Ok(None);
    }
    match hours.at(minute_of_week()) {
        Allowed::Closed => Err(Closed),
        Allowed::For(minutes) => Ok(Some(Instant::now() + Duration::from_secs(u64::from(minutes) * 60))),
        Allowed::Always => Ok(None),
    }
}

/// For how many minutes it is none of the hours yet, if it is none.
pub(crate) fn closed_for(hours: &Hours) -> Option<u16> {
    until(hours).err().and_then(|Closed| hours.opens_in(minute_of_week()))
}

/// The minute of the week, here.
fn minute_of_week() -> u16 {
    let now = jiff::Zoned::now();
    let day = now.weekday().to_monday_zero_offset();
    [(day, 24 * 60), (now.hour(), 60), (now.minute(), 1)]
        .into_iter()
        .map(|(count, minutes)| u16::try_from(count).unwrap_or(0) * minutes)
        .sum()
}
