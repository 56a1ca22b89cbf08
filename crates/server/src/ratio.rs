//! Accounts that may download so much for what they upload.
//!
//! What a download needs is set aside when it begins, so that several at once do not get more than one would; and what has
//! moved is noted before that is given back.

use crate::Shared;
use crate::login::Member;
use crate::orders::Orders;
use crate::registry::SetAside;
use portolan_accounts::{Account, Ratio, Tally};
use portolan_net::Direction;
use portolan_proto::server::Failure;

/// True where that is limited.
pub(crate) fn is_limited(account: &Account) -> bool {
    *account.ratio != Ratio(None)
}

/// Sets aside what a download of so many bytes needs.
///
/// # Errors
/// When the account may not have that much.
pub(crate) async fn set_aside(
    shared: &Shared,
    orders: &Orders,
    member: &Member,
    length: u64,
) -> Result<Option<SetAside>, Failure> {
    let account = &member.tree.account;
    let Some(accounts) = orders.rules.accounts(member.user.0) else { return Ok(None) };
    let tally = accounts.tally(&account.name).await.map_err(|error| unknown(&error))?;
    let most = account.ratio.allows(tally.up).unwrap_or(u64::MAX).saturating_sub(tally.down);
    shared.registry.set_aside(&member.user, length, most).map(Some).ok_or(Failure::Ratio)
}

/// Notes what has moved.
pub(crate) async fn note(orders: &Orders, member: &Member, direction: Direction, bytes: u64) {
    let account = &member.tree.account;
    let Some(accounts) = orders.rules.accounts(member.user.0) else { return };
    let more = match direction {
        Direction::Upload => Tally { up: bytes, down: 0 },
        Direction::Download => Tally { up: 0, down: bytes },
    };
    if let Err(error) = accounts.note_moved(&account.name, more).await {
        tracing::error!(user = %account.name.escape_debug(), bytes, %error, "what was moved is not noted");
    }
}

/// It cannot be known.
pub(crate) fn unknown(error: &portolan_accounts::StoreError) -> Failure {
    tracing::error!(%error, "it is not known what an account has moved");
    Failure::Local
}
