//! Short requests by HTTP and HTTPS, to pages and services.
//!
//! What this crate is not: it downloads nothing large, and follows no redirections.

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::{Request, StatusCode};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::net::Ipv4Addr;
use std::time::Duration;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// Bytes of an answer at most.
const LONGEST: usize = 256 << 10;

/// Names and speaks for the program, as services want it.
const AGENT: &str = concat!("Portolan/", env!("CARGO_PKG_VERSION"));

/// What asks.
#[derive(Debug, Clone)]
pub struct Http {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// There can be no such request.
    #[error("{0}")]
    Request(#[from] hyper::http::Error),
    /// The service is not there, or speaks no HTTP.
    #[error("no answer: {0}")]
    Client(String),
    /// It takes too long.
    #[error("no answer within {} s", PATIENCE.as_secs())]
    Late,
    /// The answer broke off, or is too long.
    #[error("the answer cannot be read: {0}")]
    Body(String),
    /// The system has no authorities that are trusted.
    #[error("TLS cannot be used: {0}")]
    Tls(String),
}

impl Http {
    /// What asks by IPv4 and IPv6.
    ///
    /// # Errors
    /// When TLS cannot be used.
    pub fn new() -> Result<Http, HttpError> {
        Http::with(HttpConnector::new())
    }

    /// What asks by IPv4 only, since that is what is asked about.
    ///
    /// # Errors
    /// When TLS cannot be used.
    pub fn over_ipv4() -> Result<Http, HttpError> {
        let mut tcp = HttpConnector::new();
        tcp.set_local_address(Some(Ipv4Addr::UNSPECIFIED.into()));
        Http::with(tcp)
    }

    fn with(mut tcp: HttpConnector) -> Result<Http, HttpError> {
        tcp.enforce_http(false);
        let https = HttpsConnectorBuilder::new()
            .try_with_platform_verifier()
            .map_err(|error| HttpError::Tls(error.to_string()))?
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        Ok(Http { client: Client::builder(TokioExecutor::new()).build(https) })
    }

    /// Sends a request, and gives the answer's status and text.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn send(&self, mut request: Request<Full<Bytes>>) -> Result<(StatusCode, String), HttpError> {
        let agent = hyper::header::HeaderValue::from_static(AGENT);
        request.headers_mut().insert(hyper::header::USER_AGENT, agent);
        let exchange = async {
            let answer =
                self.client.request(request).await.map_err(|error| HttpError::Client(causes(&error)))?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), LONGEST).collect().await;
            let body = body.map_err(|error| HttpError::Body(error.to_string()))?.to_bytes();
            Ok((status, String::from_utf8_lossy(&body).into_owned()))
        };
        tokio::time::timeout(PATIENCE, exchange).await.map_err(|_| HttpError::Late)?
    }
}

/// An error with what caused it: the first alone says nothing of use here.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
