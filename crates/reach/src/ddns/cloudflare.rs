//! Cloudflare's interface.

use super::{Addresses, Refusal};
use http_body_util::Full;
use hyper::{Method, Request, StatusCode, header};
use portolan_http::Http;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

/// How long to wait after a refusal that somebody has to mend there.
const SETTINGS: Duration = Duration::from_secs(3600);

/// Seconds that others may remember the address.
const TTL: u32 = 120;

#[derive(Deserialize)]
struct Answer {
    success: bool,
    #[serde(default)]
    errors: Vec<Problem>,
    #[serde(default)]
    result: Value,
}

#[derive(Deserialize)]
struct Problem {
    #[serde(default)]
    code: i64,
    #[serde(default)]
    message: String,
}

#[derive(Deserialize)]
struct Zone {
    id: String,
}

#[derive(Deserialize)]
struct Entry {
    id: String,
    content: String,
    #[serde(default)]
    proxied: bool,
}

/// Who asks where.
struct Interface<'a> {
    http: Http,
    page: &'a str,
    token: &'a str,
}

pub(super) async fn write(
    page: &str,
    zone: &str,
    token: &str,
    name: &str,
    addresses: Addresses,
) -> Result<(), Refusal> {
    let interface = Interface { http: Http::over_ipv4().map_err(Refusal::later)?, page, token };
    let zones: Vec<Zone> = interface.ask(Method::GET, &format!("/zones?name={zone}"), None).await?;
    let none = || {
        let why =
            format!("the token sees no zone `{zone}`; write another with zone = …, or give it the right");
        Refusal::Later(Some(SETTINGS), why)
    };
    let zone = &zones.first().ok_or_else(none)?.id;
    let v4 = addresses.v4.map(|address| ("A", address.to_string()));
    let v6 = addresses.v6.map(|address| ("AAAA", address.to_string()));
    for (kind, address) in v4.into_iter().chain(v6) {
        let records = format!("/zones/{zone}/dns_records");
        let entries: Vec<Entry> =
            interface.ask(Method::GET, &format!("{records}?type={kind}&name={name}"), None).await?;
        let record = json!({ "type": kind, "name": name, "content": address, "ttl": TTL, "proxied": false });
        match entries.first() {
            Some(entry) => {
                if entry.proxied {
                    tracing::warn!(
                        "{name} is proxied by Cloudflare, which carries no FTP; set it to `DNS only` there"
                    );
                }
                if entry.content != address {
                    let place = format!("{records}/{}", entry.id);
                    let change = json!({ "content": address });
                    let _: Value = interface.ask(Method::PATCH, &place, Some(change)).await?;
                }
            }
            None => {
                let _: Value = interface.ask(Method::POST, &records, Some(record)).await?;
            }
        }
    }
    Ok(())
}

impl Interface<'_> {
    async fn ask<T: serde::de::DeserializeOwned>(
        &self,
        method: Method,
        place: &str,
        body: Option<Value>,
    ) -> Result<T, Refusal> {
        let body = body.map_or_else(String::new, |body| body.to_string());
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{place}", self.page))
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::from(body))
            .map_err(Refusal::later)?;
        let (status, text) = self.http.send(request).await.map_err(Refusal::later)?;
        let answer: Answer =
            serde_json::from_str(&text).map_err(|error| Refusal::later(format!("{status}, {error}")))?;
        if answer.success {
            return serde_json::from_value(answer.result).map_err(Refusal::later);
        }
        let problem = answer.errors.first();
        let why = problem.map_or_else(
            || status.to_string(),
            |problem| format!("{} (code {})", problem.message.escape_debug(), problem.code),
        );
        let for_good = matches!(
            status,
            StatusCode::BAD_REQUEST
                | StatusCode::UNAUTHORIZED
                | StatusCode::FORBIDDEN
                | StatusCode::NOT_FOUND
        );
        Err(if for_good { Refusal::Later(Some(SETTINGS), why) } else { Refusal::later(why) })
    }
}
