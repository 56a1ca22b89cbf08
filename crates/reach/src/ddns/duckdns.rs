//! Duck DNS.

use super::{Addresses, Refusal};
use http_body_util::Full;
use hyper::Request;
use portolan_http::Http;

pub(super) async fn write(page: &str, token: &str, name: &str, addresses: Addresses) -> Result<(), Refusal> {
    let own = name.strip_suffix(".duckdns.org").unwrap_or(name);
    let mut question = format!("{page}?domains={own}&token={token}");
    if let Some(v4) = addresses.v4 {
        question.push_str(&format!("&ip={v4}"));
    }
    if let Some(v6) = addresses.v6 {
        question.push_str(&format!("&ipv6={v6}"));
    }
    let request = Request::get(question).body(Full::default()).map_err(Refusal::later)?;
    let http = Http::over_ipv4().map_err(Refusal::later)?;
    let (status, text) = http.send(request).await.map_err(Refusal::later)?;
    match text.trim() {
        "OK" => Ok(()),
        "KO" => Err(Refusal::Never("`KO`: the token or the name is wrong".to_owned())),
        _ => Err(Refusal::later(format!("it answers {status}"))),
    }
}
