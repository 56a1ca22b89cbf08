//! HTTP-01: the authority fetches a file (RFC 8555 §8.3).

use super::order::Answer;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

const FOLDER: &str = "/.well-known/acme-challenge/";

/// Questions that are answered at the same time, and how long each may take.
const AT_ONCE: usize = 16;
const PATIENCE: Duration = Duration::from_secs(10);

/// By token: what the file of that name has to hold.
type Files = Arc<Mutex<HashMap<String, String>>>;

pub(super) struct Responder {
    files: Files,
}

impl Responder {
    pub(super) async fn start(addresses: &[SocketAddr]) -> io::Result<Responder> {
        let files = Files::default();
        for listener in super::alpn::listen(addresses).await? {
            tokio::spawn(serve(listener, Arc::clone(&files)));
        }
        Ok(Responder { files })
    }

    pub(super) fn offer(&self, answer: &Answer) {
        let content = answer.authorization.as_str().to_owned();
        self.files.lock().unwrap_or_else(PoisonError::into_inner).insert(answer.token.clone(), content);
    }

    pub(super) fn withdraw(&self, answer: &Answer) {
        self.files.lock().unwrap_or_else(PoisonError::into_inner).remove(&answer.token);
    }
}

async fn serve(listener: TcpListener, files: Files) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let files = Arc::clone(&files);
                tokio::spawn(async move {
                    // Who asks for long, or nonsense, has had its chance.
                    let _ = tokio::time::timeout(PATIENCE, answer(stream, files)).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot take a connection for HTTP-01");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

async fn answer(stream: TcpStream, files: Files) {
    let service = service_fn(move |request: Request<Incoming>| {
        let token = request.uri().path().strip_prefix(FOLDER).unwrap_or_default();
        let found = files.lock().unwrap_or_else(PoisonError::into_inner).get(token).cloned();
        let status = if found.is_some() { StatusCode::OK } else { StatusCode::NOT_FOUND };
        let mut response = Response::new(Full::new(Bytes::from(found.unwrap_or_default())));
        *response.status_mut() = status;
        std::future::ready(Ok::<_, Infallible>(response))
    });
    // An error is the other side's.
    let _ = http1::Builder::new().keep_alive(false).serve_connection(TokioIo::new(stream), service).await;
}
