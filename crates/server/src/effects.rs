//! Effects as futures, and what a session holds between them.

use crate::login::{self, Login, Member};
use crate::options::TransferLimits;
use crate::orders::Orders;
use crate::registry::{SetAside, TransferRoom};
use crate::transfer::{self, Content, Markers, Opened};
use crate::{Door, Shared, moving, ratio, registry, speeds, storage, usage};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use portolan_accounts::Count;
use portolan_events::{What, Who};
use portolan_net::dtp::{After, Progress};
use portolan_net::tls::Identity;
use portolan_net::{ConnectError, Control, Direction, Guard, Place, Stream};
use portolan_proto::server::{Effect, Failure, Open, Outcome, Protection, Storage, Target, Terms, Whose};
use portolan_vfs::Vfs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

/// What a session holds between its effects. What an idle one has not is in a box, since most are idle.
pub(crate) struct Holdings {
    /// What data connections prove by TLS.
    pub(crate) guard: Guard,
    /// Where it came from, and its passive data connections come to.
    door: Arc<Door>,
    pub(crate) member: Option<Box<Member>>,
    /// Who was logged in last.
    last: Option<Box<str>>,
    place: Option<Awaited>,
    opened: Option<Box<Opened>>,
    /// Where transfers are counted.
    room: Option<Box<TransferRoom>>,
    /// What a download needs of what the account may have.
    aside: Option<Box<SetAside>>,
    data: Option<Stream>,
    /// One that was kept after a transfer, for the next.
    kept: Option<Box<Stream>>,
    /// It is opened by this side.
    active: bool,
    pub(crate) progress: Progress,
    pub(crate) markers: Arc<Markers>,
}

/// How an effect went, and what comes of it to hold.
pub(crate) struct Done {
    outcome: Outcome,
    member: Option<Box<Member>>,
    place: Option<Awaited>,
    opened: Option<Box<Opened>>,
    aside: Option<Box<SetAside>>,
    data: Option<Stream>,
    kept: Option<Box<Stream>>,
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
        Done { outcome, member: None, place: None, opened: None, aside: None, data: None, kept: None }
    }
}

impl From<Result<(Member, Terms), Outcome>> for Done {
    fn from(login: Result<(Member, Terms), Outcome>) -> Done {
        match login {
            Ok((member, terms)) => {
                Done { member: Some(Box::new(member)), ..Done::from(Outcome::LoggedIn(terms)) }
            }
            Err(outcome) => outcome.into(),
        }
    }
}

impl Holdings {
    /// Those of a new session.
    pub(crate) fn new(door: Arc<Door>) -> Holdings {
        Holdings {
            guard: Guard { identity: Identity::random(), host: None, certificate: None, servers: None },
            door,
            member: None,
            last: None,
            place: None,
            opened: None,
            room: None,
            aside: None,
            data: None,
            kept: None,
            active: false,
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
        self.aside = done.aside.or(self.aside.take());
        self.data = done.data.or(self.data.take());
        self.kept = done.kept.or(self.kept.take());
        done.outcome
    }

    /// What a connection has to prove of which this side is the server; `anyone`: another server may be at its other end.
    fn guard_for(&self, protection: Protection, anyone: bool, client: IpAddr) -> Option<Guard> {
        let guard = || Guard { servers: anyone.then_some(client), ..self.guard.clone() };
        (protection == Protection::Server).then(guard)
    }

    /// What somebody sees who is logged in.
    fn view(&self) -> Option<Arc<dyn Vfs>> {
        self.member.as_ref().map(|member| Arc::clone(&member.tree.view))
    }

    /// Takes room for a transfer of a file; else says who has as many as they may have.
    fn take_room(
        &mut self,
        open: &Open,
        peer: IpAddr,
        orders: &Orders,
        shared: &Shared,
    ) -> Result<(), Whose> {
        self.room = None;
        let Some(Member { user, tree, .. }) =
            self.member.as_deref().filter(|_| !matches!(open, Open::List { .. }))
        else {
            return Ok(());
        };
        let (own, limits) = (*tree.account.transfers, orders.rules.transfers);
        if own != Count(None) || limits != TransferLimits::default() {
            self.room = Some(Box::new(shared.registry.begin_transfer(user, own, peer, limits)?));
        }
        Ok(())
    }

    /// Who is logged in, where it counts what they move.
    fn with_ratio(&self) -> Option<Member> {
        self.member.as_deref().filter(|member| ratio::is_limited(&member.tree.account)).cloned()
    }

    /// An upload is open.
    pub(crate) fn is_upload(&self) -> bool {
        self.opened.as_ref().is_some_and(|opened| matches!(opened.content, Content::Upload(_)))
    }

    pub(crate) fn drop_data(&mut self) {
        self.place.take().map(Awaited::into_place);
        (self.data, self.kept) = (None, None);
    }

    /// Whom it happens to, what happens in this session.
    pub(crate) fn who(&self, session: u64, peer: SocketAddr) -> Who {
        let user = self
            .member
            .as_ref()
            .map(|member| member.tree.account.name.clone())
            .or_else(|| self.last.as_deref().map(str::to_owned));
        Who { session, peer, user }
    }

    /// True while who logged in then is still who is logged in.
    pub(crate) fn is_same_login(&self, member: &Member) -> bool {
        self.member.as_ref().is_some_and(|own| own.is_same_login(member))
    }

    pub(crate) fn log_out(&mut self) {
        if let Some(member) = self.member.take() {
            self.last = Some(member.tree.account.name.as_str().into());
        }
    }

    /// Lets go of what a transfer left behind that never came to move anything.
    pub(crate) async fn let_go(&mut self) {
        (self.data, self.room, self.aside) = (None, None, None);
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
    orders: &Arc<Orders>,
    shared: &Arc<Shared>,
) -> BoxFuture<'static, Done> {
    let (shared, orders) = (Arc::clone(shared), Arc::clone(orders));
    let progress = Progress::default();
    holdings.progress = progress.clone();
    let (peer, local, own, session) = (control.peer(), control.local(), control.own(), entry.id());
    match effect {
        // The driver does these itself.
        Effect::PrepareTls | Effect::BeginTls { .. } => failed(Failure::Local),
        Effect::Authenticate { host, user, proof, protected } => {
            let certificate = holdings.guard.certificate.clone();
            let login = Login { session, peer, host, user, proof, protected, certificate };
            login::authenticate(shared, orders, login).map(Done::from).boxed()
        }
        Effect::Who => {
            let lines = entry.companions();
            std::future::ready(Outcome::Lines { lines, more: false, directory: false }.into()).boxed()
        }
        Effect::Quota => match holdings.member.clone() {
            Some(member) => async move {
                match usage::lines(&orders, &member).await {
                    Ok(lines) => Outcome::Lines { lines, more: false, directory: false }.into(),
                    Err(failure) => Outcome::Failed(failure).into(),
                }
            }
            .boxed(),
            None => failed(Failure::Local),
        },
        Effect::Listen { announce, anyone, protection } => {
            (holdings.data, holdings.kept) = (None, None);
            let from = match peer.ip() {
                // At the control port anybody may want a session.
                own if holdings.door.passive.is_shared() => own,
                IpAddr::V4(_) if anyone => Ipv4Addr::UNSPECIFIED.into(),
                IpAddr::V6(_) if anyone => Ipv6Addr::UNSPECIFIED.into(),
                own => own,
            };
            let guard = holdings.guard_for(protection, anyone, peer.ip());
            let old = holdings.place.take().map(Awaited::into_place);
            let wanted = Wanted { door: Arc::clone(&holdings.door), peer, local, announce, from, guard };
            async move {
                tokio::select! {
                    done = listen(&shared, &orders, wanted, old) => done,
                    () = progress.stopped() => Outcome::Cancelled.into(),
                }
            }
            .boxed()
        }
        Effect::Connect { target: Target::Passive, protection, .. } => {
            holdings.active = false;
            let awaited = holdings.place.take();
            if let Some(awaited) = &awaited {
                // Now, before 150 leaves.
                let upload = holdings.is_upload();
                awaited.place.engage(if upload { Direction::Upload } else { Direction::Download });
            }
            connect(
                async move {
                    let Some(mut awaited) = awaited else {
                        return Err(ConnectError::Missing(std::io::ErrorKind::NotConnected.into()));
                    };
                    let stream = awaited.connection().await?;
                    // Where it is the server, that was seen to when it came.
                    if protection == Protection::Client { stream.begin().await } else { Ok(stream) }
                },
                progress,
            )
            .boxed()
        }
        Effect::Connect { target: Target::Kept, .. } => {
            // What was closed meanwhile, or says something where nothing is to be said, is of no use.
            let kept = holdings.kept.take().map(|kept| *kept).filter(Stream::is_quiet);
            let gone = || ConnectError::Missing(std::io::ErrorKind::NotConnected.into());
            connect(std::future::ready(kept.ok_or_else(gone)), progress).boxed()
        }
        Effect::Connect { target: Target::Active(target), anyone, protection } => {
            holdings.active = true;
            let guard = holdings.guard_for(protection, anyone, peer.ip());
            connect(
                async move {
                    let stream = shared.active.connect(own, target).await?;
                    match (guard, &shared.options.tls) {
                        (Some(guard), Some(tls)) => stream.protect(tls, &guard).await,
                        _ if protection == Protection::Client => stream.begin().await,
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
            Some(tree) => {
                let event = storage::event(&request).map(|what| (holdings.who(session, peer), what));
                async move {
                    let outcome = storage::run(&*tree, request).await;
                    if let (Outcome::Done, Some((who, what))) = (&outcome, event) {
                        shared.options.events.note(who, what).await;
                    }
                    outcome.into()
                }
                .boxed()
            }
            None => failed(Failure::Local),
        },
        Effect::Open(open) => match (holdings.view(), holdings.take_room(&open, peer.ip(), &orders, &shared))
        {
            (_, Err(whose)) => failed(Failure::TooManyTransfers(whose)),
            (None, Ok(())) => failed(Failure::Local),
            (Some(tree), Ok(())) => {
                let member = holdings.with_ratio();
                async move {
                    let (opened, outcome) = match transfer::open(tree, open).await {
                        Ok(opened) => opened,
                        Err(failure) => return Outcome::Failed(failure).into(),
                    };
                    let length = opened.download_length();
                    let aside = match member.zip(length) {
                        Some((member, length)) => ratio::set_aside(&shared, &orders, &member, length).await,
                        None => Ok(None),
                    };
                    match aside {
                        Ok(aside) => {
                            let aside = aside.map(Box::new);
                            Done { opened: Some(Box::new(opened)), aside, ..Done::from(outcome) }
                        }
                        Err(failure) => Outcome::Failed(failure).into(),
                    }
                }
                .boxed()
            }
        },
        Effect::Move { keep } => match (holdings.opened.take(), holdings.data.take()) {
            (Some(opened), Some(data)) => {
                let (markers, active) = (Arc::clone(&holdings.markers), holdings.active);
                let who = holdings.who(session, peer);
                let (room, aside) = (holdings.room.take(), holdings.aside.take());
                let member = holdings.with_ratio();
                let after = if keep { After::Keep } else { After::End };
                let upload = matches!(opened.content, Content::Upload(_));
                let direction = if upload { Direction::Upload } else { Direction::Download };
                let limits = holdings.member.as_ref().map(|member| {
                    speeds::of(member, &orders.rules, peer.ip(), direction)
                        .filter_map(|(whose, rate)| Some(shared.speeds.find(whose, direction, rate?)))
                        .collect()
                });
                let progress = Progress::throttled(limits.unwrap_or_default());
                holdings.progress = progress.clone();
                async move {
                    let (outcome, transfer, file_bytes, kept) =
                        moving::run(*opened, data, after, active, progress, markers).await;
                    // What was sent for nothing is no upload.
                    let counts = direction == Direction::Download || transfer.reason.is_none();
                    if let Some(member) = member.filter(|_| counts) {
                        ratio::note(&orders, &member, direction, file_bytes).await;
                    }
                    drop((room, aside));
                    shared.options.events.note(who, What::of(transfer)).await;
                    Done { kept: kept.map(Box::new), ..Done::from(outcome) }
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

async fn listen(shared: &Shared, orders: &Orders, wanted: Wanted, old: Option<Place>) -> Done {
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
        let time = orders.rules.settings.limits.data_connection;
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
