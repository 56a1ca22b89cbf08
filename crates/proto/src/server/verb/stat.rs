//! `STAT`: how the session and its transfer stand, or a listing on the control connection
//! (RFC 959 §4.1.3).

use crate::server::data::DataSetup;
use crate::server::effect::{Effect, Outcome, Protection, Storage};
use crate::server::replies;
use crate::server::session::{Answer, Session, Step};
use crate::server::transfer::Stage;
use portolan_wire::parameters::Parameters;

pub(crate) fn run(session: &mut Session, argument: &[u8]) -> Answer {
    if argument.is_empty() {
        return Ok(Step::Reply(replies::status(status(session))));
    }
    let (options, path) = session.listing_options(argument);
    let path = session.login.path_or_here(path)?;
    let then = |_: &mut Session, outcome| {
        Step::Reply(match outcome {
            Outcome::Lines { lines, more, directory } => replies::status_listing(lines, more, directory),
            outcome => replies::other(&outcome),
        })
    };
    Ok(Step::Start(Effect::Storage(Storage::Lines { path, options }), Box::new(then)))
}

fn status(session: &Session) -> Vec<String> {
    let Parameters { representation, structure, mode } = session.parameters;
    let login = match session.login.user() {
        Some(user) => format!("Logged in as {}", user.escape_ascii()),
        None => "Not logged in".to_owned(),
    };
    let data = match session.data {
        DataSetup::Default => "Data connection: none set up".to_owned(),
        DataSetup::Passive(_) => "Data connection: passive, waiting for yours".to_owned(),
        DataSetup::Active(address) => format!("Data connection: active, to port {}", address.port()),
        DataSetup::Kept => "Data connection: open, no transfer in progress".to_owned(),
    };
    let transfer = match session.transfer() {
        None => "No transfer in progress".to_owned(),
        Some(transfer) if transfer.stage == Stage::Moving => {
            format!("Transfer in progress, {} bytes so far", transfer.moved)
        }
        Some(_) => "Transfer in progress, waiting for the data connection".to_owned(),
    };
    let begins = if session.protection() == Protection::Client { ", begun by this side" } else { "" };
    let word = |protected| if protected { "TLS" } else { "clear" };
    let (control, protected) = (word(session.security.is_protected()), word(session.security.data));
    vec![
        format!("Connected from {}", session.peer),
        format!("Control connection: {control}, data connections: {protected}{begins}"),
        login,
        format!("Type {}, structure {structure:?}, mode {}", representation.name(), mode.name()),
        data,
        transfer,
    ]
}
