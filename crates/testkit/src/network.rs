//! Networks on one machine: hosts and routers are network namespaces, links are pairs of virtual interfaces.
//!
//! They need an [enclosure](crate::enclosure) around them. What passes through them is not decided here, but by the
//! rules that routers are given.

mod wire;

use crate::enclosure::must;
use std::fs::File;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;
pub use wire::Quality;
use wire::Wire;

/// How long a connection may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// One network; its hosts are gone when it is dropped.
pub struct Network {
    name: String,
    hosts: Vec<String>,
    programs: Vec<Child>,
    wires: Vec<Wire>,
    folder: TempDir,
}

/// A host or a router.
#[derive(Clone)]
pub struct Host {
    namespace: String,
}

/// One end of a link: a host, the name of its interface, and its addresses there.
pub struct End<'a>(pub &'a Host, pub &'a str, pub &'a [&'a str]);

impl Network {
    /// An empty one. Networks of different names never meet.
    ///
    /// # Errors
    /// When the system refuses it.
    pub fn new(name: &str) -> io::Result<Network> {
        let folder = tempfile::tempdir()?;
        Ok(Network {
            name: name.to_owned(),
            hosts: Vec::new(),
            programs: Vec::new(),
            wires: Vec::new(),
            folder,
        })
    }

    /// Where its programs keep their files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Ends this program with the network.
    pub fn keep(&mut self, program: Child) {
        self.programs.push(program);
    }

    /// A host without any link.
    ///
    /// # Errors
    /// When the system refuses it.
    pub fn host(&mut self, name: &str) -> io::Result<Host> {
        let namespace = format!("{}-{name}", self.name);
        must("ip", &["netns", "add", &namespace])?;
        self.hosts.push(namespace.clone());
        let host = Host { namespace };
        host.ip("link set lo up")?;
        Ok(host)
    }

    /// The network that this program is in itself, as a host.
    ///
    /// # Errors
    /// When the system refuses it.
    pub fn here(&mut self) -> io::Result<Host> {
        let namespace = format!("{}-here", self.name);
        must("ip", &["netns", "attach", &namespace, &std::process::id().to_string()])?;
        self.hosts.push(namespace.clone());
        Ok(Host { namespace })
    }

    /// A host that forwards.
    ///
    /// # Errors
    /// When the system refuses it.
    pub fn router(&mut self, name: &str) -> io::Result<Host> {
        let router = self.host(name)?;
        router.sysctl("net.ipv4.ip_forward=1")?;
        router.sysctl("net.ipv6.conf.all.forwarding=1")?;
        Ok(router)
    }

    /// A link between two hosts.
    ///
    /// # Errors
    /// When the system refuses it.
    pub fn link(&self, one: &End<'_>, other: &End<'_>) -> io::Result<()> {
        let (End(here, device, _), End(there, peer, _)) = (one, other);
        here.ip(&format!("link add {device} type veth peer name {peer} netns {}", there.namespace))?;
        for End(host, device, addresses) in [one, other] {
            for address in *addresses {
                let nodad = if address.contains(':') { " nodad" } else { "" };
                host.ip(&format!("addr add {address} dev {device}{nodad}"))?;
            }
            host.ip(&format!("link set {device} up"))?;
        }
        Ok(())
    }

    /// A long link between two hosts.
    ///
    /// # Errors
    /// When the system refuses it.
    pub fn long_link(&mut self, one: &End<'_>, other: &End<'_>, quality: Quality) -> io::Result<()> {
        let wire = self.host("wire")?;
        wire.sysctl("net.ipv6.conf.default.disable_ipv6=1")?;
        self.link(one, &End(&wire, "left", &[]))?;
        self.link(other, &End(&wire, "right", &[]))?;
        let namespace = File::open(format!("/run/netns/{}", wire.namespace))?;
        self.wires.push(Wire::new(namespace, ["left", "right"], quality)?);
        Ok(())
    }

    /// A link from a host to a port of a bridge.
    ///
    /// # Errors
    /// When the system refuses it.
    pub fn plug(&self, host: &End<'_>, router: &Host, bridge: &str, port: &str) -> io::Result<()> {
        self.link(host, &End(router, port, &[]))?;
        router.ip(&format!("link set {port} master {bridge}"))
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.wires.clear();
        for program in &mut self.programs {
            let _ = program.kill();
            let _ = program.wait();
        }
        for namespace in &self.hosts {
            // What fails here ends with the program.
            let _ = must("ip", &["netns", "del", namespace]);
        }
    }
}

impl Host {
    /// Changes its interfaces, addresses and routes by `ip` with these words.
    ///
    /// # Errors
    /// What `ip` said.
    pub fn ip(&self, words: &str) -> io::Result<()> {
        let arguments: Vec<&str> = ["-n", &self.namespace].into_iter().chain(words.split(' ')).collect();
        must("ip", &arguments)
    }

    /// Gives it a bridge with an address.
    ///
    /// # Errors
    /// When the system refuses it.
    pub fn bridge(&self, device: &str, address: &str) -> io::Result<()> {
        self.ip(&format!("link add {device} type bridge"))?;
        // Else the rules of the router would be asked about what stays within the bridge.
        self.sysctl("net.bridge.bridge-nf-call-iptables=0")?;
        self.ip(&format!("addr add {address} dev {device}"))?;
        self.ip(&format!("link set {device} up"))
    }

    /// Sends what it knows no other way for to these addresses, one of each family.
    ///
    /// # Errors
    /// When the system refuses it.
    pub fn route(&self, gateways: &[&str]) -> io::Result<()> {
        gateways.iter().try_for_each(|gateway| {
            let family = if gateway.contains(':') { "-6 " } else { "" };
            self.ip(&format!("{family}route add default via {gateway}"))
        })
    }

    /// Sends what goes to `network` to a gateway.
    ///
    /// # Errors
    /// When the system refuses it.
    pub fn route_to(&self, network: &str, gateway: &str) -> io::Result<()> {
        self.ip(&format!("route add {network} via {gateway}"))
    }

    /// Changes a setting of its kernel.
    ///
    /// # Errors
    /// What `sysctl` said.
    pub fn sysctl(&self, setting: &str) -> io::Result<()> {
        must("ip", &["netns", "exec", &self.namespace, "sysctl", "-qw", setting])
    }

    /// Gives it rules of nftables.
    ///
    /// # Errors
    /// What `nft` said.
    pub fn rules(&self, text: &str) -> io::Result<()> {
        let mut nft =
            self.command("nft").args(["-f", "-"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        if let Some(mut input) = nft.stdin.take() {
            input.write_all(text.as_bytes())?;
        }
        let output = nft.wait_with_output()?;
        if output.status.success() {
            return Ok(());
        }
        Err(io::Error::other(format!("nft: {}\n{text}", String::from_utf8_lossy(&output.stderr))))
    }

    /// What `nft` shows with these words.
    ///
    /// # Errors
    /// When there is no `nft`.
    pub fn shown(&self, words: &str) -> io::Result<String> {
        let output = self.command("nft").args(words.split(' ')).output()?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Does something as on this host: what it connects, listens on or starts is there.
    ///
    /// # Errors
    /// Those of `act`, and when the host is gone.
    pub fn within<T: Send>(&self, act: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
        let place = File::open(format!("/run/netns/{}", self.namespace))?;
        let go = || {
            let kind = Some(rustix::thread::LinkNameSpaceType::Network);
            rustix::thread::move_into_link_name_space(place.as_fd(), kind)?;
            act()
        };
        // Only a thread of its own may go elsewhere.
        std::thread::scope(|scope| {
            scope.spawn(go).join().unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))
        })
    }

    /// A connection from this host.
    ///
    /// # Errors
    /// When there is none within five seconds.
    pub fn connect(&self, to: SocketAddr) -> io::Result<TcpStream> {
        self.within(|| TcpStream::connect_timeout(&to, PATIENCE))
    }

    /// A command that runs on this host and asks this name server.
    pub fn command_with_resolver(&self, program: &str, resolver: &Path) -> Command {
        let mut command = self.command("sh");
        // `ip netns exec` has a mount namespace of its own.
        command
            .args(["-c", "mount --bind \"$0\" /etc/resolv.conf && exec \"$@\""])
            .arg(resolver)
            .arg(program);
        command
    }

    /// A command that runs on this host.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace, program]);
        command
    }
}
