//! Transfers that are asked for while others are on their way, and the data connection that small ones have in common
//! (RFC 959 §3.3).

use super::{Connection, Direction, Order, Step, Transfer};
use crate::client::conversation::{Common, Conversation};
use crate::client::error::Problem;
use crate::client::session::Output;

impl Transfer {
    /// True once something else may be sent although this one is not over: this one sends nothing more, and the server is
    /// not disturbed in it.
    pub(in crate::client) fn gives_way(&self, conversation: &Conversation, next: Option<&Order>) -> bool {
        let is_upload = self.order.direction() == Direction::Upload;
        if is_upload && !self.in_blocks {
            return false;
        }
        let next_in_blocks = next.is_some_and(|next| next.small) && conversation.offers_blocks();
        match (&self.connection, next) {
            // The data connection in common, or one of its own, depends on what the server says of this one.
            (_, Some(_)) if self.in_blocks && conversation.common == Common::Tried => false,
            // That an upload has ended here says nothing about how far the server is.
            (Connection::Ended(Ok(())), _) if !is_upload => true,
            (Connection::Ended(Err(_)) | Connection::Failed(_), _) => false,
            (_, Some(_)) if self.in_blocks || next_in_blocks => {
                self.in_blocks && next_in_blocks && conversation.common == Common::Kept && self.is_asked()
            }
            _ => {
                let sent_ahead = self.order.small && next.is_none_or(|next| next.small);
                sent_ahead
                    && conversation.queues()
                    && self.is_asked()
                    && conversation.proven == Some(self.way)
            }
        }
    }

    /// True while it uses the data connection in common, or has it before it.
    pub(in crate::client) fn uses_common(&self) -> bool {
        self.in_blocks && matches!(self.connection, Connection::Common | Connection::Begun)
    }

    /// What is still to come on the data connection in common does not come any more.
    pub(in crate::client) fn lose(&mut self, conversation: &mut Conversation) -> Step {
        let why = "the data connection that it had in common with others is gone".to_owned();
        conversation.outputs.push_back(Output::DropData { number: self.number });
        self.connection = Connection::Ended(Err(Problem::Data(why)));
        self.step(Ok(()))
    }

    /// Its data comes next on the data connection in common. Not before the server says so: what is sent to one that then
    /// refuses the file would be taken for the next one's.
    pub(super) fn take_turn(&mut self, conversation: &mut Conversation) {
        if self.connection == Connection::Common && conversation.common == Common::Kept {
            self.connection = Connection::Begun;
            conversation.outputs.push_back(Output::Continue { number: self.number });
        }
    }

    /// The data connection in common is of no use any more behind this one.
    pub(super) fn end_common(&self, conversation: &mut Conversation) {
        if !self.in_blocks {
            return;
        }
        conversation.common = match conversation.common {
            Common::None => Common::None,
            Common::Ends(number) => Common::Ends(number.min(self.number)),
            Common::Tried | Common::Kept => Common::Ends(self.number),
        };
    }
}
