//! A web service that knows users. It is asked by POST with JSON: `user`, the `address` they come from, and `password` at a login; without one, whether
//! that user still may. It answers 200 with what counts for them, as JSON too (see
//! [`parse_member`](portolan_accounts::parse_member)), 401 or 403 for a wrong password, 404 for somebody it does not know.

use crate::{Rooms, Secret, with_common};
use async_trait::async_trait;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::{Request, StatusCode};
use portolan_accounts::{Member, Source, SourceError, Verdict, parse_member};
use portolan_http::Http;
use serde_json::{Value, json};
use std::net::IpAddr;
use tokio::sync::OnceCell;

/// Questions at the same time; others wait in the order they came.
const AT_ONCE: usize = 32;

/// A web service that knows users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpLogin {
    /// Where it is.
    pub url: String,
    /// What goes into the header `Authorization`.
    pub authorization: Option<Secret>,
    /// What its users have where it says nothing else.
    pub member: Member,
}

#[derive(Debug)]
pub(crate) struct Service {
    login: HttpLogin,
    http: OnceCell<Http>,
    rooms: Rooms,
}

impl Service {
    pub(crate) fn new(login: HttpLogin) -> Service {
        Service { login, http: OnceCell::new(), rooms: Rooms::new(AT_ONCE) }
    }

    async fn ask(&self, question: Value) -> Result<Verdict, SourceError> {
        let failed = |error: &dyn std::fmt::Display| SourceError(error.to_string());
        let http =
            self.http.get_or_try_init(|| async { Http::new() }).await.map_err(|error| failed(&error))?;
        let mut request = Request::post(&self.login.url).header("content-type", "application/json");
        if let Some(Secret(authorization)) = &self.login.authorization {
            request = request.header("authorization", authorization);
        }
        let request = request.body(Full::new(Bytes::from(question.to_string())));
        let (status, text) =
            http.send(request.map_err(|error| failed(&error))?).await.map_err(|error| failed(&error))?;
        match status {
            StatusCode::OK => {
                let own = if text.trim().is_empty() { Ok(Member::default()) } else { parse_member(&text) };
                let own =
                    own.map_err(|problem| SourceError(format!("the answer makes no sense: {problem}")))?;
                Ok(Verdict::Right(Box::new(with_common(own, &self.login.member))))
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Ok(Verdict::Wrong),
            StatusCode::NOT_FOUND => Ok(Verdict::Unknown),
            status => Err(SourceError(format!("the service answers {status}"))),
        }
    }
}

#[async_trait]
impl Source for Service {
    fn place(&self) -> String {
        self.login.url.clone()
    }

    async fn check(&self, name: &str, password: &str, from: IpAddr) -> Result<Verdict, SourceError> {
        let _room = Rooms::enter(&self.rooms.check).await?;
        self.ask(json!({ "user": name, "password": password, "address": from })).await
    }

    async fn find(&self, name: &str, from: IpAddr) -> Result<Option<Member>, SourceError> {
        let _room = Rooms::enter(&self.rooms.find).await?;
        match self.ask(json!({ "user": name, "address": from })).await? {
            Verdict::Right(member) => Ok(Some(*member)),
            Verdict::Wrong | Verdict::Unknown => Ok(None),
        }
    }
}
