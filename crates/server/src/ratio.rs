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

/// What an account has used, and what it may, for people to read.
pub(crate) async fn lines(orders: &Orders, member: &Member) -> Result<Vec<Vec<u8>>, Failure> {
    let (account, mut lines) = (&member.tree.account, Vec::new());
    if let Some(allowance) = &member.tree.allowance {
        let used = allowance.used().await.map_err(crate::storage::failure)?;
        let most = allowance.most();
        for (what, used, most) in [("Bytes", used.bytes, most.bytes), ("Files", used.files, most.files)] {
            lines.extend(most.map(|most| format!("{what}: {used} of {most}")));
        }
    }
    if let (true, Some(accounts)) = (is_limited(account), orders.rules.accounts(member.user.0)) {
        let Tally { up, down } = accounts.tally(&account.name).await.map_err(|error| unknown(&error))?;
        let left = account.ratio.allows(up).unwrap_or(u64::MAX).saturating_sub(down);
        lines.push(format!("Uploaded: {up} bytes; downloaded: {down}; {left} more may be downloaded"));
    }
    Ok(lines.into_iter().map(String::into_bytes).collect())
}

/// It cannot be known.
fn unknown(error: &portolan_accounts::StoreError) -> Failure {
    tracing::error!(%error, "it is not known what an account has moved");
    Failure::Local
}
