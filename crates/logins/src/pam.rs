//! Users of the system, by PAM.

use crate::{Rooms, with_common};
use async_trait::async_trait;
use portolan_accounts::{Member, Mount, Profile, Source, SourceError, Verdict};
use portolan_helpers::{Answer, Pam};
use portolan_vfs::Rights;
use std::net::IpAddr;
use std::sync::Arc;

/// Questions at the same time: a check of a password keeps a core busy for a while.
const AT_ONCE: usize = 4;

/// Users of the system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PamLogin {
    /// The service: the name of a file in `/etc/pam.d`.
    pub service: String,
    /// What they may do in their home folder, which they see as `/`.
    pub home: Rights,
    /// True when what they do to files is their own doing, with the rights that the system gives them.
    pub as_user: bool,
    /// What they have in common. A folder that is seen as `/` comes in place of the home folder.
    pub member: Member,
}

#[derive(Debug)]
pub(crate) struct System {
    login: PamLogin,
    pam: Option<Pam>,
    rooms: Rooms,
}

impl System {
    pub(crate) fn new(login: PamLogin, pam: Option<Pam>) -> System {
        System { login, pam, rooms: Rooms::new(AT_ONCE) }
    }

    async fn ask(&self, name: &str, password: Option<&str>, from: IpAddr) -> Result<Verdict, SourceError> {
        let pam = self
            .pam
            .as_ref()
            .ok_or_else(|| SourceError("PAM is asked after a stop and a start".to_owned()))?;
        let answer = pam.ask(&self.login.service, name, password, from).await;
        let identity = match answer.map_err(|error| SourceError(format!("PAM cannot be asked: {error}")))? {
            Answer::Right(identity) => identity,
            Answer::Wrong => return Ok(Verdict::Wrong),
            Answer::Unknown => return Ok(Verdict::Unknown),
            Answer::Failed(why) => return Err(SourceError(why)),
        };
        let common = &self.login.member;
        let has_root = common.profile.mounts.iter().any(|mount| mount.at.is_root());
        let home = (!has_root).then(|| Mount::root(&identity.home, self.login.home));
        let own = Member {
            profile: Profile { mounts: home.into_iter().collect(), ..Profile::default() },
            identity: self.login.as_user.then(|| Arc::new(identity)),
            ..Member::default()
        };
        Ok(Verdict::Right(Box::new(with_common(own, common))))
    }
}

#[async_trait]
impl Source for System {
    fn place(&self) -> String {
        format!("PAM, {}", self.login.service)
    }

    async fn check(&self, name: &str, password: &str, from: IpAddr) -> Result<Verdict, SourceError> {
        let _room = Rooms::enter(&self.rooms.check).await?;
        self.ask(name, Some(password), from).await
    }

    async fn find(&self, name: &str, from: IpAddr) -> Result<Option<Member>, SourceError> {
        let _room = Rooms::enter(&self.rooms.find).await?;
        match self.ask(name, None, from).await? {
            Verdict::Right(member) => Ok(Some(*member)),
            Verdict::Wrong | Verdict::Unknown => Ok(None),
        }
    }
}
