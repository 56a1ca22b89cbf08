//! A transfer: from the command to its final reply.

use super::effect::{Failure, Outcome, Target};
use super::replies;
use portolan_wire::Reply;
use std::time::{Duration, Instant};

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
    /// The client said `ABOR`.
    Abort,
    /// No data connection came within the limit.
    NoConnection,
    /// No byte was moved within the limit.
    Stalled,
    /// The control connection was closed.
    PeerLeft,
    /// The server stops.
    Shutdown,
}

pub(super) struct Transfer {
    pub(super) stage: Stage,
    pub(super) target: Target,
    pub(super) deadline: Option<Instant>,
    pub(super) cancelled: Option<CancelReason>,
    pub(super) moved: u64,
    moved_at_check: u64,
}

impl Transfer {
    pub(super) fn new(target: Target) -> Transfer {
        Transfer {
            stage: Stage::Opening,
            target,
            deadline: None,
            cancelled: None,
            moved: 0,
            moved_at_check: 0,
        }
    }

    pub(super) fn begin(&mut self, stage: Stage, deadline: Instant) {
        self.stage = stage;
        self.deadline = Some(deadline);
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
            Stage::Moving if self.moved > self.moved_at_check => {
                self.moved_at_check = self.moved;
                self.deadline = Some(now + stall);
                None
            }
            Stage::Moving => Some(CancelReason::Stalled),
        }
    }

    /// The one final reply. A transfer that was over before it could be cancelled did succeed.
    pub(super) fn final_reply(&self, outcome: &Outcome) -> Reply {
        match (outcome, self.cancelled) {
            (Outcome::Moved { bytes }, _) => replies::transfer_complete(*bytes),
            (Outcome::Failed(Failure::NoConnection), None) | (_, Some(CancelReason::NoConnection)) => {
                replies::no_data_connection(self.target)
            }
            (_, Some(CancelReason::Stalled)) => replies::stalled(),
            (_, Some(CancelReason::Abort | CancelReason::PeerLeft | CancelReason::Shutdown)) => {
                replies::transfer_aborted()
            }
            (Outcome::Failed(failure), None) => replies::failure(*failure),
            (_, None) => replies::failure(Failure::Local),
        }
    }
}
