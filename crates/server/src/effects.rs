//! Effects as futures, and what a session holds between them.

use crate::registry::{TransferRoom, User};
use crate::speeds::{SpeedLimits, Whose};
use crate::transfer::{self, Content, Markers, Opened};
use crate::tree::Tree;
use crate::{Door, Shared, moving, registry, storage};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use portolan_accounts::bans::household;
use portolan_accounts::{Account, Count, Open as Allowed, Refusal, TlsNeed};
use portolan_certs::users_in;
use portolan_net::dtp::{Limit, Progress};
use portolan_net::tls::Identity;
use portolan_net::{ConnectError, Control, Direction, Guard, Place, Stream};
use portolan_proto::server::{Effect, Failure, Host, Open, Outcome, Proof, Storage, Target, Terms};
use portolan_vfs::Vfs;
use rustls::pki_types::CertificateDer;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// What a session holds between its effects.
pub(crate) struct Holdings {
    /// What data connections prove by TLS.
    pub(crate) guard: Guard,
    /// Where it came from, and its passive data connections come to.
    door: Arc<Door>,
    member: Option<Member>,
    place: Option<Awaited>,
    opened: Option<Opened>,
    /// Where transfers are counted.
    room: Option<TransferRoom>,
    data: Option<Stream>,
    pub(crate) progress: Progress,
    pub(crate) markers: Arc<Markers>,
}

/// Who is logged in.
struct Member {
    user: User,
    tree: Arc<Tree>,
}

/// How an effect went, and what comes of it to hold.
pub(crate) struct Done {
    outcome: Outcome,
    member: Option<Member>,
    place: Option<Awaited>,
    opened: Option<Opened>,
    data: Option<Stream>,
}

/// Where a passive data connection is awaited.
struct Awaited {
    place: Place,
    door: Arc<Door>,
    /// The client came from outside, and was told an address that is not this machine's own, or a port only:
    /// true where it was an address.
    told: Option<bool>,
}

impl Awaited {
    /// Waits for the connection.
    async fn connection(&mut self) -> Result<Stream, ConnectError> {
        let connection = self.place.connection().await;
        if let Some(with_address) = self.told.take() {
            self.door.twice.note(with_address, connection.is_ok());
        }
        connection
    }

    /// The client wants another, or nothing any more.
    fn into_place(mut self) -> Place {
        if let Some(with_address) = self.told
            && let Some(came) = self.place.has_come()
        {
            self.door.twice.note(with_address, came);
        }
        self.place
    }
}

impl From<Outcome> for Done {
    fn from(outcome: Outcome) -> Done {
        Done { outcome, member: None, place: None, opened: None, data: None }
    }
}

impl Holdings {
    /// Those of a new session.
    pub(crate) fn new(door: Arc<Door>) -> Holdings {
        Holdings {
            guard: Guard { identity: Identity::random(), host: None, certificate: None },
            door,
            member: None,
            place: None,
            opened: None,
            room: None,
            data: None,
            progress: Progress::default(),
            markers: Arc::default(),
        }
    }

    /// Keeps what an effect gave and passes on its outcome.
    pub(crate) fn take(&mut self, done: Done) -> Outcome {
        // What is over has no share of any limit.
        self.progress = Progress::default();
        self.member = done.member.or(self.member.take());
        self.place = done.place.or(self.place.take());
        self.opened = done.opened.or(self.opened.take());
        self.data = done.data.or(self.data.take());
        done.outcome
    }

    /// What somebody sees who is logged in.
    fn view(&self) -> Option<Arc<dyn Vfs>> {
        self.member.as_ref().map(|member| Arc::clone(&member.tree.view))
    }

    /// Takes room for a transfer of a file; false when the account has as many as it may have.
    fn take_room(&mut self, open: &Open, shared: &Shared) -> bool {
        self.room = None;
        let Some(Member { user, tree }) = self.member.as_ref().filter(|_| !matches!(open, Open::List { .. }))
        else {
            return true;
        };
        let most = *tree.account.transfers;
        if most != Count(None) {
            self.room = shared.registry.begin_transfer(user.clone(), most);
            return self.room.is_some();
        }
        true
    }

    /// An upload is open.
    pub(crate) fn is_upload(&self) -> bool {
        matches!(&self.opened, Some(Opened { content: Content::Upload(_), .. }))
    }

    pub(crate) fn drop_data(&mut self) {
        self.place.take().map(Awaited::into_place);
        self.data = None;
    }

    pub(crate) fn log_out(&mut self) {
        self.member = None;
    }

    /// Lets go of what a transfer left behind that never came to move anything.
    pub(crate) async fn let_go(&mut self) {
        (self.data, self.room) = (None, None);
        if let Some(opened) = self.opened.take() {
            opened.discard().await;
        }
    }
}

/// Starts an effect.
pub(crate) fn start(
    effect: Effect,
    holdings: &mut Holdings,
    control: &Control,
    entry: &registry::Entry,
    shared: &Arc<Shared>,
) -> BoxFuture<'static, Done> {
    let shared = Arc::clone(shared);
    let progress = Progress::default();
    holdings.progress = progress.clone();
    let (peer, local, session) = (control.peer(), control.local(), entry.id());
    match effect {
        // The driver does these itself.
        Effect::PrepareTls | Effect::BeginTls { .. } => failed(Failure::Local),
        Effect::Authenticate { host, user, proof, protected } => {
            let certificate = holdings.guard.certificate.clone();
            let login = Login { session, peer, host, user, proof, protected, certificate };
            authenticate(shared, login).boxed()
        }
        Effect::Who => {
            let lines = entry.companions();
            std::future::ready(Outcome::Lines { lines, more: false, directory: false }.into()).boxed()
        }
        Effect::Listen { announce, anyone, protected } => {
            holdings.data = None;
            let from = match peer.ip() {
                // A protected connection is this client's, or shows whose it is; at the control port anybody may
                // want a session.
                own if protected || holdings.door.passive.is_shared() => own,
                IpAddr::V4(_) if anyone => Ipv4Addr::UNSPECIFIED.into(),
                IpAddr::V6(_) if anyone => Ipv6Addr::UNSPECIFIED.into(),
                own => own,
            };
            let guard = protected.then(|| holdings.guard.clone());
            let old = holdings.place.take().map(Awaited::into_place);
            let wanted = Wanted { door: Arc::clone(&holdings.door), peer, local, announce, from, guard };
            async move {
                tokio::select! {
                    done = listen(&shared, wanted, old) => done,
                    () = progress.stopped() => Outcome::Cancelled.into(),
                }
            }
            .boxed()
        }
        Effect::Connect { target: Target::Passive, .. } => {
            let awaited = holdings.place.take();
            if let Some(awaited) = &awaited {
                // Now, before 150 leaves.
                let upload = holdings.is_upload();
                awaited.place.engage(if upload { Direction::Upload } else { Direction::Download });
            }
            connect(
                async move {
                    match awaited {
                        Some(mut awaited) => awaited.connection().await,
                        None => Err(ConnectError::Missing(std::io::ErrorKind::NotConnected.into())),
                    }
                },
                progress,
            )
            .boxed()
        }
        Effect::Connect { target: Target::Active(target), protected } => {
            let guard = protected.then(|| holdings.guard.clone());
            connect(
                async move {
                    let stream = shared.active.connect(local, target).await?;
                    match (guard, &shared.options.tls) {
                        (Some(guard), Some(tls)) => stream.protect(tls, &guard).await,
                        _ => Ok(stream),
                    }
                },
                progress,
            )
            .boxed()
        }
        Effect::Storage(request) => match holdings.view() {
            // Reading may take hours and can be cut off; what changes something is done to its end.
            Some(tree) if matches!(request, Storage::Digest { .. } | Storage::Usage(_)) => async move {
                tokio::select! {
                    outcome = storage::run(&*tree, request) => outcome.into(),
                    () = progress.stopped() => Outcome::Cancelled.into(),
                }
            }
            .boxed(),
            Some(tree) => async move { storage::run(&*tree, request).await.into() }.boxed(),
            None => failed(Failure::Local),
        },
        Effect::Open(open) => match holdings.view() {
            Some(_) if !holdings.take_room(&open, &shared) => failed(Failure::TooManyTransfers),
            Some(tree) => async move {
                match transfer::open(tree, open).await {
                    Ok((opened, outcome)) => Done { opened: Some(opened), ..Done::from(outcome) },
                    Err(failure) => Outcome::Failed(failure).into(),
                }
            }
            .boxed(),
            None => failed(Failure::Local),
        },
        Effect::Move => match (holdings.opened.take(), holdings.data.take()) {
            (Some(opened), Some(data)) => {
                let (markers, room) = (Arc::clone(&holdings.markers), holdings.room.take());
                let upload = matches!(opened.content, Content::Upload(_));
                let direction = if upload { Direction::Upload } else { Direction::Download };
                let limits = holdings.member.as_ref().map(|member| limits(&shared, member, peer, direction));
                let progress = Progress::throttled(limits.unwrap_or_default());
                holdings.progress = progress.clone();
                async move {
                    let done = moving::run(opened, data, progress, markers, session).await.into();
                    drop(room);
                    done
                }
                .boxed()
            }
            _ => failed(Failure::Local),
        },
    }
}

fn failed(failure: Failure) -> BoxFuture<'static, Done> {
    std::future::ready(Outcome::Failed(failure).into()).boxed()
}

/// The limits of speed for a transfer in that direction.
fn limits(shared: &Shared, member: &Member, peer: SocketAddr, direction: Direction) -> Vec<Arc<Limit>> {
    let (account, options) = (&member.tree.account, &shared.options);
    let mut all = Vec::new();
    let mut add = |limits: SpeedLimits, whose: &dyn Fn() -> Whose| {
        if let Some(rate) = limits.of(direction) {
            all.push(shared.speeds.find(whose(), direction, rate));
        }
    };
    add(options.speed, &|| Whose::Server);
    add(options.speed_of_address, &|| Whose::Address(household(peer.ip())));
    for total in &account.totals {
        add(SpeedLimits { up: total.up, down: total.down }, &|| Whose::Group(total.group.clone()));
    }
    let own = SpeedLimits { up: *account.speed_up, down: *account.speed_down };
    add(own, &|| Whose::User(member.user.clone()));
    all
}

/// Somebody who wants to log in.
struct Login {
    session: u64,
    peer: SocketAddr,
    host: Host,
    user: Vec<u8>,
    proof: Proof,
    protected: bool,
    /// What the client showed in the TLS handshake.
    certificate: Option<CertificateDer<'static>>,
}

async fn authenticate(shared: Arc<Shared>, login: Login) -> Done {
    let Login { session, peer, host, user, proof, protected, certificate } = login;
    let name = user.escape_ascii().to_string();
    let accounts = match host {
        Host::Virtual(number) => shared.options.host_accounts.get(number),
        Host::Default => Some(&shared.options.accounts),
    };
    if let Some(left) = shared.options.bans.find(peer.ip()).and_then(|ban| ban.left()) {
        // It began before.
        return Outcome::Banned(left.as_secs()).into();
    }
    let account = match (&proof, accounts) {
        (Proof::Password(password), Some(accounts)) => accounts.authenticate(&user, password).await,
        (Proof::Certificate, Some(accounts)) => {
            let names = certificate.map(|der| users_in(&der)).unwrap_or_default();
            accounts.vouched(&user, &names).await
        }
        (_, None) => Err(Refusal::Wrong),
    };
    let account = match account {
        Ok(account) => account,
        // The reason is in the log.
        Err(Refusal::Unusable) => return Outcome::Failed(Failure::Local).into(),
        Err(refusal) => {
            if proof != Proof::Certificate {
                tracing::warn!(session, %peer, user = name, ?refusal, "login denied");
                if refusal == Refusal::Wrong {
                    shared.options.bans.note(peer.ip(), "wrong passwords").await;
                }
            }
            return Outcome::Denied.into();
        }
    };
    if *account.tls > TlsNeed::Nothing && !protected {
        tracing::warn!(session, %peer, user = name, "login denied, since this user needs TLS");
        return Outcome::NeedsTls.into();
    }
    if let Some((reason, origin)) = account.refuses(peer.ip()) {
        tracing::warn!(session, %peer, user = name, reason, %origin, "login denied");
        return Outcome::Denied.into();
    }
    let open = account.hours.at(minute_of_week());
    if open == Allowed::Closed {
        tracing::warn!(session, %peer, user = name, origin = %account.hours.origin, "login denied at this hour");
        return Outcome::Denied.into();
    }
    match shared.trees.open(Arc::clone(&account), &shared.options).await {
        Ok(tree) => {
            let user = (host, account.name.clone().into_bytes());
            if !shared.registry.log_in(session, &user, *account.sessions) {
                tracing::warn!(session, %peer, user = name, "too many sessions of this user");
                return Outcome::Full.into();
            }
            tracing::info!(session, %peer, user = name, "logged in");
            let terms = Terms {
                fxp: *account.fxp,
                protected_data: *account.tls == TlsNeed::Data,
                idle: account.idle.0,
                until: time_left(&account, open).map(|left| std::time::Instant::now() + left),
            };
            let member = Some(Member { user, tree });
            Done { member, ..Done::from(Outcome::LoggedIn(terms)) }
        }
        Err(error) => {
            tracing::error!(session, %peer, user = name, %error, "a folder of the user cannot be opened");
            Outcome::Failed(Failure::Local).into()
        }
    }
}

/// The minute of the week, here.
fn minute_of_week() -> u16 {
    let now = jiff::Zoned::now();
    let day = now.weekday().to_monday_zero_offset();
    [(day, 24 * 60), (now.hour(), 60), (now.minute(), 1)]
        .into_iter()
        .map(|(count, minutes)| u16::try_from(count).unwrap_or(0) * minutes)
        .sum()
}

/// How long somebody may be logged in now.
fn time_left(account: &Account, open: Allowed) -> Option<Duration> {
    let of_hours = match open {
        Allowed::For(minutes) => Some(Duration::from_secs(u64::from(minutes) * 60)),
        Allowed::Always | Allowed::Closed => None,
    };
    [of_hours, account.session_time.0].into_iter().flatten().min()
}

/// What a session wants that goes into passive mode.
struct Wanted {
    door: Arc<Door>,
    peer: SocketAddr,
    local: SocketAddr,
    /// The reply tells an address, not a port only.
    announce: bool,
    /// Where the connection has to come from.
    from: IpAddr,
    guard: Option<Guard>,
}

async fn listen(shared: &Shared, wanted: Wanted, old: Option<Place>) -> Done {
    let Wanted { door, peer, local, announce, from, guard } = wanted;
    let renewed = match old {
        Some(place) => place.renewed().await,
        None => None,
    };
    let place = match renewed {
        Some(place) => Ok(place),
        None => door.passive.listen(from, guard).await,
    };
    let place = match place {
        Ok(place) => place,
        Err(error) => {
            tracing::error!(%error, "no passive port of the range can be used");
            return Outcome::Failed(Failure::NoPort).into();
        }
    };
    if let Some(pinholes) = &shared.options.pinholes {
        let time = door.settings.limits.data_connection;
        if let Err(error) = pinholes.open(peer.ip(), place.port(), time).await {
            tracing::error!(%peer, port = place.port(), %error, "no pinhole can be opened");
            return Outcome::Failed(Failure::NoPort).into();
        }
        if from.is_unspecified() {
            tracing::debug!(%peer, "a pinhole is for the client itself; another server's data does not get through");
        }
    }
    let here = SocketAddr::new(local.ip(), place.port());
    let announced = door.outside.borrow().announced(peer.ip(), here);
    let told = (announced.ip() != here.ip()).then_some(announce);
    let place = Some(Awaited { place, door: Arc::clone(&door), told });
    Done { place, ..Done::from(Outcome::Listening(announced)) }
}

async fn connect(connection: impl Future<Output = Result<Stream, ConnectError>>, progress: Progress) -> Done {
    let connected = tokio::select! {
        connected = connection => connected,
        () = progress.stopped() => return Outcome::Cancelled.into(),
    };
    let error = match connected {
        Ok(data) => return Done { data: Some(data), ..Done::from(Outcome::Connected) },
        Err(error) => error,
    };
    tracing::info!(%error, "no data connection");
    Outcome::Failed(match error {
        ConnectError::Missing(_) => Failure::NoConnection,
        ConnectError::Elsewhere => Failure::Elsewhere,
        ConnectError::Ambiguous => Failure::Ambiguous,
        ConnectError::NoHandshake(_) => Failure::NoHandshake,
        ConnectError::NotResumed => Failure::NotResumed,
    })
    .into()
}
