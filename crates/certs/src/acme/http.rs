//! HTTP-01: the authority fetches a file (RFC 8555 §8.3).

use super::listen::listen;
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
use tokio::net::TcpStream;

const FOLDER: &str = "/.well-known/acme-challenge/";

/// By token: what the file of that name has to hold.
type Files = Arc<Mutex<HashMap<String, String>>>;

pub(super) struct Responder {
    files: Files,
}

impl Responder {
    pub(super) async fn start(addresses: &[SocketAddr]) -> io::Result<Responder> {
        let files = Files::default();
        let answered = Arc::clone(&files);
        listen(addresses, move |stream| answer(stream, Arc::clone(&answered))).await?;
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
