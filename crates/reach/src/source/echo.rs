//! The address that a page on the web says.

use crate::http::Http;
use http_body_util::Full;
use hyper::Request;
use std::net::Ipv4Addr;

pub(super) async fn ask(page: &str) -> Result<Ipv4Addr, String> {
    let http = Http::new().map_err(|error| error.to_string())?;
    let request = Request::get(page).body(Full::default()).map_err(|error| error.to_string())?;
    let (status, text) = http.send(request).await.map_err(|error| error.to_string())?;
    if !status.is_success() {
        return Err(format!("{page} answers {status}"));
    }
    find(&text).ok_or_else(|| format!("{page} says no IPv4 address"))
}

/// The first address in a text: pages say it bare, in a line `ip=…`, in JSON or in a sentence.
fn find(text: &str) -> Option<Ipv4Addr> {
    let words = text.split(|letter: char| !(letter.is_ascii_digit() || letter == '.'));
    words.map(|word| word.trim_matches('.')).find_map(|word| word.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_in_what_pages_say() {
        let address = Some(Ipv4Addr::new(22, 0, 1, 2));
        assert_eq!(find("22.0.1.2\n"), address);
        assert_eq!(find("fl=1.2\nh=example\nip=22.0.1.2\nts=1700000000.123\n"), address);
        assert_eq!(find("<body>Current IP Address: 22.0.1.2.</body>"), address);
        assert_eq!(find(r#"{"ip":"22.0.1.2"}"#), address);
        assert_eq!(find("nothing, 1.2.3 or 300.1.1.1"), None);
    }
}
