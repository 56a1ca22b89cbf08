//! A transfer: from the command to its final reply.

use super::effect::{Ending, Failure, Outcome, Target};
use super::replies;
use portolan_wire::Reply;
use std::time::{Duration, Instant};

/// How often within the stall limit a transfer is looked at: the limit is kept to within a fifth.
const LOOKS: u32 = 5;

/// How far a transfer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// The file is being opened; no reply was sent yet.
    Opening,
    /// 150 was sent; the data connection is awaited.
    Connecting,
    /// The data travels.
    Moving,
}

/// Why a transfer was ended before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CancelReason {
    /// The client said `ABOR`, and it is that command's turn.
    Abort,
    /// The client said `ABOR` behind other commands, which are answered before it.
    AbortAhead,
    /// No data connection came within the limit.
    NoConnection,
    /// No byte was moved within the limit.
    Stalled,
    /// The control connection was closed.
    PeerLeft,
    /// The session has to end.
    Ending(Ending),
}

pub(super) struct Transfer {
    pub(super) stage: Stage,
    pub(super) target: Target,
    /// The data connection is kept for the next, if this one goes well.
    pub(super) keep: bool,
    pub(super) deadline: Option<Instant>,
    pub(super) cancelled: Option<CancelReason>,
    pub(super) moved: u64,
    /// What had moved at the last look, and when that was more than before.
    seen: (u64, Instant),
}

impl Transfer {
    pub(super) fn new(target: Target, keep: bool, now: Instant) -> Transfer {
        let (stage, seen) = (Stage::Opening, (0, now));
        Transfer { stage, target, keep, deadline: None, cancelled: None, moved: 0, seen }
    }

    pub(super) fn begin_connecting(&mut self, deadline: Instant) {
        self.stage = Stage::Connecting;
        self.deadline = Some(deadline);
    }

    pub(super) fn begin_moving(&mut self, now: Instant, stall: Duration) {
        self.stage = Stage::Moving;
        self.seen = (0, now);
        self.deadline = Some(now + stall / LOOKS);
    }

    pub(super) fn set_moved(&mut self, bytes: u64) {
        if self.stage == Stage::Moving {
            self.moved = bytes;
        }
    }

    /// True while commands such as `STAT` are taken: after 150, and not once the end is under way.
    pub(super) fn takes_commands(&self) -> bool {
        self.stage != Stage::Opening && self.cancelled.is_none()
    }

    /// What is wrong when the deadline has come; a transfer that moves gets a new one instead.
    pub(super) fn overdue(&mut self, now: Instant, stall: Duration) -> Option<CancelReason> {
        match self.stage {
            Stage::Opening => None,
            Stage::Connecting => Some(CancelReason::NoConnection),
            Stage::Moving => {
                if self.moved > self.seen.0 {
                    self.seen = (self.moved, now);
                }
                self.deadline = Some(now + stall / LOOKS);
                (now >= self.seen.1 + stall).then_some(CancelReason::Stalled)
            }
        }
    }

    /// The one final reply. A transfer that was over before it could be cancelled did succeed.
    pub(super) fn final_reply(&self, outcome: &Outcome) -> Reply {
        match (outcome, self.cancelled) {
            (Outcome::Moved { bytes }, _) if self.keep => replies::transfer_complete_and_open(*bytes),
            (Outcome::Moved { bytes }, _) => replies::transfer_complete(*bytes),
            (Outcome::Failed(Failure::NoConnection), None) | (_, Some(CancelReason::NoConnection)) => {
                replies::no_data_connection(self.target)
            }
            (_, Some(CancelReason::Stalled)) => replies::stalled(),
            (
                _,
                Some(
                    CancelReason::Abort
                    | CancelReason::AbortAhead
                    | CancelReason::PeerLeft
                    | CancelReason::Ending(_),
                ),
            ) => replies::transfer_aborted(),
            (Outcome::Failed(failure), None) => replies::failure(*failure),
            (_, None) => replies::failure(Failure::Local),
        }
    }
}
