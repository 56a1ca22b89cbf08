//! `quote`: a command of FTP as somebody types it. What would take the connection out of the shell's hands is not sent.

use super::say;
use super::session::Session;
use crate::Exit;
use crate::client::report::at;
use portolan_wire::received::printable;
use portolan_wire::{Command, Received, Verb};

/// Why a verb is not sent, if it is not.
fn refused(verb: Verb) -> Option<&'static str> {
    use Verb::*;
    match verb {
        Abor | Appe | Cpsv | Eprt | Epsv | List | Lprt | Lpsv | Mlsd | Nlst | Pasv | Port | Rang | Rest
        | Retr | Sscn | Stor | Stou => Some("it belongs to a transfer; use get, put or ls"),
        Acct | Adat | Auth | Ccc | Cdup | Conf | Cwd | Enc | Host | Mic | Mode | Pass | Pbsz | Prot
        | Quit | Rein | Smnt | Stru | User | Xcup | Xcwd => {
            Some("it changes what the others rely on; use open, close or cd")
        }
        _ => None,
    }
}

/// Sends it, and prints the reply.
pub(super) async fn send(session: &Session, words: &[String]) -> Result<(), Exit> {
    let line = words.join(" ");
    let command = Command::parse(line.as_bytes()).map_err(|error| Exit::wrong(format!("{line}: {error}")))?;
    let verb = command.verb();
    if let Some(why) = refused(verb) {
        return Err(Exit::wrong(format!("{verb} is not sent: {why}")));
    }
    let argument = Some(command.argument()).filter(|argument| !argument.is_empty());
    let asked = session.server.client.run_once(async |connection| connection.ask(verb, argument).await).await;
    let reply = asked.map_err(|error| at(&verb, &error))?;
    say(&text(&reply));
    if reply.is_done() || reply.wants_more() { Ok(()) } else { Err(Exit { message: String::new(), code: 6 }) }
}

/// A reply as it came, but for what could not be shown.
fn text(reply: &Received) -> String {
    let last = reply.lines.len().saturating_sub(1);
    let line = |(at, line): (usize, &Vec<u8>)| match (at == last, at) {
        (true, _) => format!("{} {}", reply.number, printable(line)),
        (false, 0) => format!("{}-{}", reply.number, printable(line)),
        (false, _) => printable(line),
    };
    reply.lines.iter().enumerate().map(line).collect::<Vec<_>>().join("\n")
}
