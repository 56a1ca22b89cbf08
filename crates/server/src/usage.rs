//! What `SITE QUOTA` tells of an account.

use crate::login::Member;
use crate::orders::Orders;
use crate::{ratio, storage};
use portolan_accounts::Tally;
use portolan_proto::server::Failure;

/// What an account has used, and what it may, for people to read.
pub(crate) async fn lines(orders: &Orders, member: &Member) -> Result<Vec<Vec<u8>>, Failure> {
    let (account, mut lines) = (&member.tree.account, Vec::new());
    if let Some(allowance) = &member.tree.allowance {
        let used = allowance.used().await.map_err(storage::failure)?;
        let most = allowance.most();
        for (what, used, most) in [("Bytes", used.bytes, most.bytes), ("Files", used.files, most.files)] {
            lines.extend(most.map(|most| format!("{what}: {used} of {most}")));
        }
    }
    if let (true, Some(accounts)) = (ratio::is_limited(account), orders.rules.accounts(member.user.0)) {
        let Tally { up, down } =
            accounts.tally(&account.name).await.map_err(|error| ratio::unknown(&error))?;
        let left = account.ratio.allows(up).unwrap_or(u64::MAX).saturating_sub(down);
        lines.push(format!("Uploaded: {up} bytes; downloaded: {down}; {left} more may be downloaded"));
    }
    Ok(lines.into_iter().map(String::into_bytes).collect())
}
