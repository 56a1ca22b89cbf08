//! The address that the DNS has for a name, for as long as it says.

use super::Found;
use hickory_resolver::Resolver;
use hickory_resolver::config::ResolveHosts;
use hickory_resolver::proto::rr::RData;
use std::time::{Duration, Instant};

/// However short a record lives, it is not asked for more often.
const SHORTEST: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(3600);

pub(super) async fn ask(name: &str) -> Result<Found, String> {
    // The system's settings may have changed since last time, and nothing may be remembered longer than the
    // record lives.
    let mut builder = Resolver::builder_tokio().map_err(|error| error.to_string())?;
    // There, a machine's own name often stands for itself.
    builder.options_mut().use_hosts_file = ResolveHosts::Never;
    let resolver = builder.build().map_err(|error| error.to_string())?;
    // With its dot, the machine's own domain is not tried behind it.
    let answer =
        resolver.ipv4_lookup(format!("{name}.")).await.map_err(|error| format!("{name}: {error}"))?;
    let good = answer.valid_until().saturating_duration_since(Instant::now()).clamp(SHORTEST, LONGEST);
    let address = answer.answers().iter().find_map(|record| match &record.data {
        RData::A(address) => Some(address.0),
        _ => None,
    });
    address.map(|address| Found { address, good }).ok_or_else(|| format!("{name} has no IPv4 address"))
}
