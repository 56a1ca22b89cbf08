//! The protocol of Dyn, which No-IP and many others speak.

use super::{Addresses, Refusal};
use base64::prelude::{BASE64_STANDARD, Engine};
use http_body_util::Full;
use hyper::{Request, StatusCode, header};
use portolan_http::Http;
use std::time::Duration;

/// How long `911` asks to wait.
const TROUBLE: Duration = Duration::from_secs(1800);

pub(super) async fn write(
    page: &str,
    user: &str,
    password: &str,
    name: &str,
    addresses: Addresses,
) -> Result<(), Refusal> {
    let v4 = addresses.v4.map(|address| address.to_string());
    let v6 = addresses.v6.map(|address| address.to_string());
    let ip = v4.into_iter().chain(v6).collect::<Vec<_>>().join(",");
    let request = Request::get(format!("{page}?hostname={name}&myip={ip}"))
        .header(
            header::AUTHORIZATION,
            format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}"))),
        )
        .body(Full::default())
        .map_err(Refusal::later)?;
    let http = Http::over_ipv4().map_err(Refusal::later)?;
    let (status, text) = http.send(request).await.map_err(Refusal::later)?;
    judge(status, &text)
}

/// What an answer means: its first word does.
fn judge(status: StatusCode, text: &str) -> Result<(), Refusal> {
    let word = text.split_whitespace().next().unwrap_or_default();
    let never = |why: &str| Err(Refusal::Never(format!("`{word}`: {why}")));
    match word {
        // `nochg`: it knew the address already.
        "good" | "nochg" => Ok(()),
        "badauth" => never("the user or the password is wrong"),
        "!donator" => never("the account has no right to this"),
        "!yours" => never("the name belongs to another account"),
        "!active" => never("the name is not active"),
        "notfqdn" => never("the name is not a full one"),
        "nohost" => never("the account has no such name"),
        "numhost" => never("too many names at once"),
        "badagent" => never("this program is not welcome there"),
        "abuse" => never("the name is blocked for abuse; ask the service to unblock it"),
        "911" | "dnserr" | "badsys" | "servererror" => {
            Err(Refusal::Later(Some(TROUBLE), format!("`{word}`: the service has trouble")))
        }
        _ if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
            Err(Refusal::Never(format!("{status}: the user or the password is wrong")))
        }
        _ => Err(Refusal::later(format!("{status}, `{}`", text.escape_debug().take(80).collect::<String>()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_obeyed() {
        let of = |text: &str| judge(StatusCode::OK, text);
        assert_eq!(of("good 22.0.1.2\n"), Ok(()));
        assert_eq!(of("nochg 22.0.1.2"), Ok(()));
        for never in ["badauth", "abuse", "!donator", "!yours", "nohost", "notfqdn", "numhost", "badagent"] {
            assert!(matches!(of(never), Err(Refusal::Never(_))), "{never}");
        }
        assert!(matches!(of("911"), Err(Refusal::Later(Some(time), _)) if time >= Duration::from_secs(1800)));
        assert!(matches!(judge(StatusCode::BAD_GATEWAY, "<html>"), Err(Refusal::Later(..))));
        assert!(matches!(judge(StatusCode::UNAUTHORIZED, ""), Err(Refusal::Never(_))));
    }
}
