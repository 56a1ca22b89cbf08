//! The address that a page on the web says.

use http_body_util::Full;
use hyper::Request;
use portolan_http::Http;
use std::net::Ipv4Addr;

pub(super) async fn ask(page: &str) -> Result<Ipv4Addr, String> {
    let http = Http::over_ipv4().map_err(|error| error.to_string())?;
    let request = Request::get(page).body(Full::default()).map_err(|error| error.to_string())?;
    let (status, text) = http.send(request).await.map_err(|error| error.to_string())?;
    if !status.is_success() {
        return Err(format!("{page} answers {status}"));
    }
    let host = page.parse::<hyper::Uri>().ok().and_then(|page| page.host()?.parse().ok());
    find(&text, host).ok_or_else(|| format!("{page} says no IPv4 address"))
}

/// The first address in a text that is not that of the page: pages say it bare, in a line `ip=…`, in JSON or in
/// a sentence.
fn find(text: &str, host: Option<Ipv4Addr>) -> Option<Ipv4Addr> {
    let line = text.lines().find_map(|line| line.strip_prefix("ip="));
    let words = line.unwrap_or(text).split(|letter: char| !(letter.is_ascii_digit() || letter == '.'));
    let mut addresses = words.filter_map(|word| word.trim_matches('.').parse().ok());
    addresses.find(|address| Some(*address) != host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_in_what_pages_say() {
        let address = Some(Ipv4Addr::new(22, 0, 1, 2));
        assert_eq!(find("22.0.1.2\n", None), address);
        assert_eq!(find("fl=1.2\nh=1.1.1.1\nip=22.0.1.2\nts=1700000000.123\n", None), address);
        assert_eq!(find("33.0.1.2 sees 22.0.1.2", Some(Ipv4Addr::new(33, 0, 1, 2))), address);
        assert_eq!(find("<body>Current IP Address: 22.0.1.2.</body>", None), address);
        assert_eq!(find(r#"{"ip":"22.0.1.2"}"#, None), address);
        assert_eq!(find("nothing, 1.2.3 or 300.1.1.1", None), None);
    }
}
