//! miniupnpd on a router: UPnP, NAT-PMP and PCP.

use crate::sides::rules::UPNP;
use portolan_testkit::network::{Host, Network};
use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::{Child, Command};

/// Starts it for as long as the network is there.
pub(crate) fn start(network: &mut Network, router: &Host) -> io::Result<()> {
    router.rules(UPNP)?;
    let settings = write(network.folder())?;
    network.keep(daemon(router, &settings)?);
    Ok(())
}

/// Starts it; the caller ends it.
pub(crate) fn daemon(router: &Host, settings: &PathBuf) -> io::Result<Child> {
    let mut command: Command = router.command("miniupnpd");
    let log = fs::File::create(settings.with_extension("log"))?;
    command.args(["-d", "-f"]).arg(settings).arg("-P").arg(settings.with_extension("pid"));
    command.stdout(log.try_clone()?).stderr(log).spawn()
}

/// Writes its settings into this folder.
pub(crate) fn write(folder: &std::path::Path) -> io::Result<PathBuf> {
    let file = folder.join("miniupnpd.conf");
    let leases = folder.join("leases");
    let text = format!(
        "ext_ifname=wan\nlistening_ip=lan\nenable_natpmp=yes\nenable_upnp=yes\nsecure_mode=yes\nmin_lifetime=2\n\
         max_lifetime=86400\nupnp_table_name=filter\nupnp_nat_table_name=filter\n\
         upnp_forward_chain=miniupnpd\nupnp_nat_chain=prerouting_miniupnpd\n\
         upnp_nat_postrouting_chain=postrouting_miniupnpd\nlease_file={}\n\
         uuid=00000000-0000-0000-0000-000000000001\nsystem_uptime=no\n\
         allow 1024-65535 0.0.0.0/0 1024-65535\nallow 21 0.0.0.0/0 21\n\
         deny 0-65535 0.0.0.0/0 0-65535\n",
        leases.display()
    );
    fs::write(&file, text)?;
    Ok(file)
}
