//! The helper that asks PAM, which may need rights that the server has given up.

mod library;

use crate::door::{Door, answer, door};
use crate::message::{receive, receive_later, send};
use library::{Library, Said};
use portolan_confine::Identity;
use serde::{Deserialize, Serialize};
use std::io;
use std::net::IpAddr;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::Duration;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Bytes of a name or a password at the most.
const LONGEST: usize = 1024;

#[derive(Serialize, Deserialize)]
struct Question {
    /// The service, whose file in `/etc/pam.d` says what is asked for.
    service: String,
    user: String,
    /// None when it is only asked whether somebody may still be logged in.
    password: Option<String>,
    /// Where they come from.
    from: IpAddr,
}

/// What PAM says of somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// It is so, and this is the user of the system.
    Right(Identity),
    /// The password is not right, or the account may not be used.
    Wrong,
    /// There is nobody of this name.
    Unknown,
    /// It cannot be known, for this reason.
    Failed(String),
}

/// Asks PAM by way of the helper.
#[derive(Debug, Clone)]
pub struct Pam(Door);

impl Pam {
    /// Starts the helper; `helper` has to call [`pam`]. It asks these services and no others.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(helper: Command, services: &[&str]) -> io::Result<Pam> {
        let door = Door::open(helper)?;
        send(&mut door.socket(), &services)?;
        Ok(Pam(door))
    }

    /// One that another process has started.
    pub fn inherited(socket: UnixStream) -> Pam {
        Pam(Door::inherited(socket))
    }

    /// The socket, for the process that comes after this one.
    pub fn socket(&self) -> &UnixStream {
        self.0.socket()
    }

    /// Asks about somebody who comes from there: whether the password is theirs, if there is one, and whether they may log in.
    ///
    /// # Errors
    /// When the helper is gone.
    pub async fn ask(
        &self,
        service: &str,
        user: &str,
        password: Option<&str>,
        from: IpAddr,
    ) -> io::Result<Answer> {
        let question = Question {
            service: service.to_owned(),
            user: user.to_owned(),
            password: password.map(str::to_owned),
            from,
        };
        let mut connection = self.0.knock()?;
        send(&mut connection, &question)?;
        connection.set_nonblocking(true)?;
        let mut connection = tokio::net::UnixStream::from_std(connection)?;
        // A module may wait for others.
        tokio::time::timeout(PATIENCE, receive_later(&mut connection)).await?
    }
}

/// The helper itself.
///
/// # Errors
/// When its standard input is not what [`Pam::start`] makes of it.
pub fn pam() -> io::Result<()> {
    let (library, mut door) = (Library::open(), door()?);
    let services: Vec<String> = receive(&mut door)?;
    answer(&door, |mut connection| {
        let Ok(question) = receive::<Question>(&mut connection) else { return };
        let said = match &library {
            _ if !services.contains(&question.service) => Answer::Failed(format!(
                "the service {} was not named when the server started",
                question.service
            )),
            Ok(library) => ask(library, &question),
            Err(error) => Answer::Failed(format!("there is no PAM on this system: {error}")),
        };
        // Who asked may be gone.
        let _ = send(&mut connection, &said);
    })
}

fn ask(library: &Library, question: &Question) -> Answer {
    let Question { service, user, password, from } = question;
    let texts = [Some(user), password.as_ref()];
    let usable = |text: &&String| text.len() <= LONGEST && !text.is_empty() && !text.contains('\0');
    if !texts.iter().flatten().all(usable) {
        return Answer::Unknown;
    }
    let user = match library.ask(service, user, password.as_deref(), *from) {
        Said::Right(user) => user,
        Said::Wrong => return Answer::Wrong,
        Said::Unknown => return Answer::Unknown,
        Said::Failed(why) => return Answer::Failed(why),
    };
    match Identity::find(&user) {
        // Whoever gets in that way is to be root nowhere.
        Ok(Some(identity)) if identity.uid == 0 => Answer::Wrong,
        Ok(Some(identity)) => Answer::Right(identity),
        Ok(None) => Answer::Failed(format!("PAM knows the user {user}, and the system does not")),
        Err(error) => Answer::Failed(format!("the user {user}: {error}")),
    }
}
