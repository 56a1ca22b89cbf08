use super::*;
use crate::listen::Listener;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;

const HOME: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn other(number: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(127, 0, 0, number))
}

/// A pool of `count` ports that are free now.
async fn pool(count: u16) -> PassivePool {
    // Each pool looks among ports of its own, below those that the system gives to clients.
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let own = 10_000 + NEXT.fetch_add(1, Ordering::Relaxed) * 1_000;
    for first in (own..own + 900).step_by(50) {
        let ports = first..=first + count - 1;
        let mut free = Vec::new();
        for port in ports.clone() {
            free.push(TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await);
        }
        if free.iter().all(Result::is_ok) {
            return PassivePool::new(
                ports,
                (Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST),
                None,
                KeepAlive::default(),
                Proxies::default(),
            );
        }
    }
    panic!("no free ports");
}

async fn connect(from: IpAddr, port: u16) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(from, 0)).unwrap();
    socket.connect(SocketAddr::new(HOME, port)).await.unwrap()
}

/// The socket of a data connection.
fn inner(mut stream: Stream) -> TcpStream {
    let socket = stream.watch().unwrap();
    drop(stream);
    Arc::into_inner(socket).unwrap()
}

/// Sends a word through a place and sees that it comes out there.
async fn talk(place: &mut Place, from: IpAddr, word: &[u8]) {
    let mut outside = connect(from, place.port()).await;
    outside.write_all(word).await.unwrap();
    let mut inside = inner(place.connection().await.unwrap());
    let mut heard = vec![0; word.len()];
    inside.read_exact(&mut heard).await.unwrap();
    assert_eq!(heard, word);
}

#[tokio::test]
async fn one_port_serves_any_number_of_peers_at_once() {
    let pool = pool(1).await;
    let mut places = Vec::new();
    for number in 1..=100 {
        places.push(pool.listen(other(number), None).await.unwrap());
    }
    for (number, place) in (1..=100).zip(&mut places).rev() {
        talk(place, other(number), format!("word {number}").as_bytes()).await;
    }
}

#[tokio::test]
async fn t03_a_stranger_is_closed_and_the_peer_still_comes_through() {
    let pool = pool(1).await;
    let mut place = pool.listen(HOME, None).await.unwrap();
    let mut stranger = connect(other(2), place.port()).await;
    assert_eq!(stranger.read(&mut [0; 1]).await.unwrap_or(0), 0);
    talk(&mut place, HOME, b"mine").await;
}

#[tokio::test]
async fn sessions_of_one_peer_take_turns_in_their_order() {
    let pool = pool(1).await;
    let mut first = pool.listen(HOME, None).await.unwrap();
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut waiting = Vec::new();
    for number in 0..10 {
        let (turns, order) = (pool.clone(), Arc::clone(&order));
        waiting.push(tokio::spawn(async move {
            let mut place = turns.listen(HOME, None).await.unwrap();
            order.lock().unwrap().push(number);
            talk(&mut place, HOME, format!("session {number}").as_bytes()).await;
        }));
        while pool.shared.state().waiting(HOME) <= number {
            tokio::task::yield_now().await;
        }
    }
    talk(&mut first, HOME, b"first").await;
    for task in waiting {
        task.await.unwrap();
    }
    assert_eq!(*order.lock().unwrap(), (0..10).collect::<Vec<_>>());
    assert_eq!(pool.places(), 0);
}

#[tokio::test]
async fn a_place_that_was_given_up_rests_so_that_a_late_connection_is_nobodys() {
    let pool = pool(1).await;
    let place = pool.listen(HOME, None).await.unwrap();
    let port = place.port();
    drop(place);
    let mut next = Box::pin(pool.listen(HOME, None));
    assert!(futures_ready(&mut next).await.is_none());
    let mut late = connect(HOME, port).await;
    assert_eq!(late.read(&mut [0; 1]).await.unwrap_or(0), 0);
    talk(&mut next.await.unwrap(), HOME, b"next").await;
}

/// What a future gives if it is ready now.
async fn futures_ready<T>(future: &mut std::pin::Pin<Box<impl Future<Output = T>>>) -> Option<T> {
    tokio::select! {
        biased;
        done = future => Some(done),
        () = std::future::ready(()) => None,
    }
}

#[tokio::test]
async fn who_asks_again_waits_at_another_port_if_there_is_one() {
    let pool = pool(2).await;
    let place = pool.listen(HOME, None).await.unwrap();
    let port = place.port();
    assert!(place.renewed().await.is_none());
    let place = pool.listen(HOME, None).await.unwrap();
    assert_ne!(place.port(), port, "the first one rests");
    let mut place = place.renewed().await.unwrap();
    talk(&mut place, HOME, b"used").await;
    assert!(place.renewed().await.is_none());
    assert_eq!(pool.places(), 0);
}

#[tokio::test]
async fn a_connection_for_a_place_that_is_renewed_is_not_taken_for_the_next() {
    let pool = pool(1).await;
    for _ in 0..100 {
        let place = pool.listen(HOME, None).await.unwrap();
        // It is in the queue of the system when the place is renewed: this thread has not given the
        // task that takes it a chance.
        let stale = std::net::TcpStream::connect((HOME, place.port())).unwrap();
        assert!(place.renewed().await.is_none());
        drop(stale);
        let mut next = pool.listen(HOME, None).await.unwrap();
        talk(&mut next, HOME, b"next").await;
    }
}

#[tokio::test]
async fn ports_are_drawn_at_random() {
    let pool = pool(50).await;
    let mut drawn = std::collections::HashSet::new();
    for number in 1..=40 {
        drawn.insert(pool.listen(other(number), None).await.unwrap().port());
    }
    assert!(drawn.len() > 5, "{drawn:?}");
}

#[tokio::test]
async fn a_port_that_another_program_has_is_passed_over() {
    let pool = pool(2).await;
    let ports = pool.shared.state().ports();
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, *ports.start())).await.unwrap();
    for _ in 0..5 {
        let mut place = pool.listen(HOME, None).await.unwrap();
        assert_eq!(place.port(), *ports.end());
        talk(&mut place, HOME, b"x").await;
    }
    drop(taken);
}

#[tokio::test(start_paused = true)]
async fn who_holds_a_place_for_long_without_using_it_loses_it_to_who_waits() {
    let pool = pool(1).await;
    let mut idle = pool.listen(HOME, None).await.unwrap();
    let next = tokio::time::timeout(Duration::from_secs(60), pool.listen(HOME, None)).await.unwrap().unwrap();
    assert!(idle.connection().await.is_err());
    assert_eq!(next.port(), idle.port());
}

/// A control port that data connections come to as well, and the control connections that are recognized.
async fn one_port() -> (PassivePool, u16, mpsc::UnboundedReceiver<u16>) {
    let listener =
        Listener::bind((Ipv4Addr::LOCALHOST, 0).into(), KeepAlive::default(), Proxies::default()).unwrap();
    let number = listener.address().port();
    let mut port = OnePort::new(listener, None, KeepAlive::default(), false);
    let (pool, (sender, control)) = (port.pool(), mpsc::unbounded_channel());
    tokio::spawn(async move {
        loop {
            let newcomer = port.accept().await;
            if sender.send(newcomer.peer.port()).is_err() {
                return;
            }
            // As a session does that waits for a command.
            tokio::spawn(async move {
                let (control, _) = newcomer.into_control().unwrap();
                let _ = control.readable().await;
            });
        }
    });
    (pool, number, control)
}

/// A connection from there that has been taken note of, and the number of its port.
async fn come(port: u16, from: IpAddr) -> (TcpStream, u16) {
    let outside = connect(from, port).await;
    let number = outside.local_addr().unwrap().port();
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    (outside, number)
}

#[tokio::test]
async fn ports_that_lead_outside_are_drawn_first() {
    let pool = pool(10).await;
    let ports = pool.shared.state().ports();
    let outward = [*ports.start() + 3, *ports.start() + 7];
    pool.set_outward(outward.into_iter());
    for _ in 0..10 {
        let places = [pool.listen(HOME, None).await.unwrap(), pool.listen(HOME, None).await.unwrap()];
        assert!(places.iter().all(|place| outward.contains(&place.port())));
        // Better than none.
        let third = pool.listen(HOME, None).await.unwrap();
        assert!(!outward.contains(&third.port()));
        for place in places {
            let port = place.port();
            let mut place = place;
            talk(&mut place, HOME, b"x").await;
            assert!(outward.contains(&port));
        }
    }
}

#[tokio::test]
async fn at_one_port_who_waits_for_nothing_is_greeted_at_once() {
    let (pool, port, mut control) = one_port().await;
    let (_outside, number) = come(port, HOME).await;
    assert_eq!(control.recv().await, Some(number));
    // Another peer's place is no reason to wait.
    let _place = pool.listen(other(2), None).await.unwrap();
    let (_outside, number) = come(port, HOME).await;
    assert_eq!(control.recv().await, Some(number));
}

#[tokio::test]
async fn at_one_port_the_last_before_a_download_is_its_data_and_the_others_are_control() {
    let (pool, port, mut control) = one_port().await;
    let mut place = pool.listen(HOME, None).await.unwrap();
    assert_eq!(place.port(), port);
    let (_first, number) = come(port, HOME).await;
    tokio::time::sleep(Duration::from_millis(60)).await;
    let (mut second, _) = come(port, HOME).await;
    assert!(control.try_recv().is_err());
    place.engage(Direction::Download);
    second.write_all(b"word").await.unwrap();
    must_hear(&mut place, b"word").await;
    assert_eq!(control.recv().await, Some(number));
    let (_third, number) = come(port, HOME).await;
    assert_eq!(control.recv().await, Some(number));
}

async fn must_hear(place: &mut Place, word: &[u8; 4]) {
    let mut inside = inner(place.connection().await.unwrap());
    let mut heard = [0; 4];
    inside.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, word);
}

#[tokio::test]
async fn at_one_port_what_came_with_the_question_wants_a_session() {
    let (pool, port, mut control) = one_port().await;
    let (place, came) = tokio::join!(pool.listen(HOME, None), come(port, HOME));
    assert_eq!(control.recv().await, Some(came.1));
    drop(place);
}

#[tokio::test]
async fn at_one_port_the_first_that_speaks_is_an_uploads_data() {
    let (pool, port, mut control) = one_port().await;
    let mut place = pool.listen(HOME, None).await.unwrap();
    let (mut first, _) = come(port, HOME).await;
    let (_second, second) = come(port, HOME).await;
    place.engage(Direction::Upload);
    let (_third, third) = come(port, HOME).await;
    first.write_all(b"word").await.unwrap();
    must_hear(&mut place, b"word").await;
    let greeted = [control.recv().await, control.recv().await];
    assert!(greeted.contains(&Some(second)) && greeted.contains(&Some(third)));
}

#[tokio::test]
async fn at_one_port_an_upload_of_nothing_and_one_that_is_silent_for_long_are_taken() {
    let (pool, port, _control) = one_port().await;
    for silent in [true, false] {
        let mut place = pool.listen(HOME, None).await.unwrap();
        let (outside, _) = come(port, HOME).await;
        place.engage(Direction::Upload);
        let outside = silent.then_some(outside);
        place.connection().await.unwrap();
        drop(outside);
    }
}

#[tokio::test]
async fn at_one_port_a_download_is_refused_when_two_came_at_once_and_the_other_is_greeted() {
    let (pool, port, mut control) = one_port().await;
    let mut place = pool.listen(HOME, None).await.unwrap();
    let (first, second) = tokio::join!(connect(HOME, port), connect(HOME, port));
    place.engage(Direction::Download);
    assert!(matches!(place.connection().await, Err(ConnectError::Ambiguous)));
    assert!(control.try_recv().is_err());
    // The client has heard of it, and closes the one that was meant.
    drop(first);
    assert_eq!(control.recv().await, Some(second.local_addr().unwrap().port()));
}

#[tokio::test]
async fn at_one_port_data_may_come_after_the_command_too() {
    let (pool, port, _control) = one_port().await;
    let mut place = pool.listen(HOME, None).await.unwrap();
    place.engage(Direction::Download);
    let (_outside, _) = come(port, HOME).await;
    place.connection().await.unwrap();
}

#[tokio::test]
async fn at_one_port_a_place_that_is_given_up_frees_what_is_held() {
    let (pool, port, mut control) = one_port().await;
    let place = pool.listen(HOME, None).await.unwrap();
    let (_outside, number) = come(port, HOME).await;
    drop(place);
    assert_eq!(control.recv().await, Some(number));
}

#[tokio::test]
async fn at_one_port_what_came_for_a_transfer_that_was_refused_is_not_taken_for_the_next() {
    let (pool, port, mut control) = one_port().await;
    for direction in [Direction::Download, Direction::Upload] {
        let place = pool.listen(HOME, None).await.unwrap();
        let (unused, _) = come(port, HOME).await;
        drop(unused);
        let mut place = place.renewed().await.unwrap();
        let (mut outside, _) = come(port, HOME).await;
        place.engage(direction);
        outside.write_all(b"word").await.unwrap();
        must_hear(&mut place, b"word").await;
    }
    assert!(control.try_recv().is_err(), "nobody wanted a session");
}

#[tokio::test]
async fn at_one_port_a_connection_that_was_closed_does_not_take_the_place_of_an_upload() {
    let (pool, port, _control) = one_port().await;
    for before in [true, false] {
        let mut place = pool.listen(HOME, None).await.unwrap();
        let (closed, _) = come(port, HOME).await;
        let (mut outside, _) = come(port, HOME).await;
        let closed = (!before).then_some(closed);
        come(port, other(9)).await;
        place.engage(Direction::Upload);
        drop(closed);
        tokio::time::sleep(Duration::from_millis(50)).await;
        outside.write_all(b"word").await.unwrap();
        must_hear(&mut place, b"word").await;
    }
}

#[tokio::test]
async fn at_one_port_an_upload_that_is_reset_is_none_of_nothing() {
    let (pool, port, _control) = one_port().await;
    let mut place = pool.listen(HOME, None).await.unwrap();
    let (outside, _) = come(port, HOME).await;
    place.engage(Direction::Upload);
    socket2::SockRef::from(&outside).set_linger(Some(Duration::ZERO)).unwrap();
    drop(outside);
    let came = tokio::time::timeout(Duration::from_millis(300), place.connection()).await;
    assert!(came.is_err(), "{came:?}");
    let (mut outside, _) = come(port, HOME).await;
    outside.write_all(b"word").await.unwrap();
    must_hear(&mut place, b"word").await;
}
