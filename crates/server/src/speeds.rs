//! Limits of speed, and whose they are. All transfers that one is for share it.

use crate::login::Member;
use crate::options::Rules;
use crate::registry::User;
use portolan_accounts::bans::household;
use portolan_accounts::{Speed, Total};
use portolan_net::Direction;
use portolan_net::dtp::Limit;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// How fast data may move, in each direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SpeedLimits {
    /// To the server.
    pub up: Speed,
    /// From the server.
    pub down: Speed,
}

impl SpeedLimits {
    /// Bytes in a second in this direction, if that is limited.
    pub(crate) fn of(self, direction: Direction) -> Option<u64> {
        match direction {
            Direction::Upload => self.up.0,
            Direction::Download => self.down.0,
        }
    }
}

/// Bytes in a second that nobody reaches.
const LIFTED: u64 = 1 << 40;

/// Whose a limit is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Whose {
    Server,
    Address(IpAddr),
    Group(String),
    User(User),
}

/// The limits that are for transfers of somebody in one direction: whose they are, and how fast they are to be, if they
/// are limited.
pub(crate) fn of(
    member: &Member,
    rules: &Rules,
    peer: IpAddr,
    direction: Direction,
) -> impl Iterator<Item = (Whose, Option<u64>)> {
    let account = &member.tree.account;
    let group =
        |total: &Total| (Whose::Group(total.group.clone()), SpeedLimits { up: total.up, down: total.down });
    let own = SpeedLimits { up: *account.speed_up, down: *account.speed_down };
    let groups: Vec<_> = account.totals.iter().map(group).collect();
    let all = [
        (Whose::Server, rules.speed),
        (Whose::Address(household(peer)), rules.speed_of_address),
        (Whose::User(member.user.clone()), own),
    ];
    all.into_iter().chain(groups).map(move |(whose, limits)| (whose, limits.of(direction)))
}

/// The limits that there are, as long as somebody has a transfer that they are for, or what one has moved is paid for.
#[derive(Debug, Default)]
pub(crate) struct Speeds(Mutex<HashMap<(Whose, Direction), Arc<Limit>>>);

impl Speeds {
    /// Sets a limit that there is already; without a rate, it is as good as lifted.
    pub(crate) fn change(&self, whose: Whose, direction: Direction, rate: Option<u64>) {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(limit) = all.get(&(whose, direction)) {
            limit.set(rate.unwrap_or(LIFTED));
        }
    }

    /// Households that there is a limit for.
    pub(crate) fn addresses(&self) -> Vec<IpAddr> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let address = |whose: &Whose| if let Whose::Address(address) = whose { Some(*address) } else { None };
        all.keys().filter_map(|(whose, _)| address(whose)).collect()
    }

    /// The limit of these transfers in that direction, which is now so many bytes in a second.
    pub(crate) fn find(&self, whose: Whose, direction: Direction, rate: u64) -> Arc<Limit> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (whose, direction);
        if let Some(limit) = all.get(&key) {
            // It may have been changed since.
            limit.set(rate);
            return Arc::clone(limit);
        }
        // Who has found one is about to use it.
        all.retain(|_, limit| Arc::strong_count(limit) > 1 || !limit.is_idle());
        let limit = Arc::new(Limit::new(rate));
        all.insert(key, Arc::clone(&limit));
        limit
    }
}
