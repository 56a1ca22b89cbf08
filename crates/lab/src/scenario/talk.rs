//! A client by hand.

use portolan_testkit::network::Host;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::time::Duration;

/// How long a reply may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A control connection.
pub(super) struct Talk {
    stream: BufReader<TcpStream>,
}

impl Talk {
    /// Connects from this host and logs in.
    pub(super) fn log_in(from: &Host, to: &str) -> io::Result<Talk> {
        let to: SocketAddr = to.parse().map_err(io::Error::other)?;
        let stream = from.connect(to)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut talk = Talk { stream: BufReader::new(stream) };
        talk.reply()?;
        talk.ask("USER anonymous")?;
        talk.ask("PASS x")?;
        Ok(talk)
    }

    /// Sends a command, and gives the last line of its reply.
    pub(super) fn ask(&mut self, command: &str) -> io::Result<String> {
        self.stream.get_mut().write_all(format!("{command}\r\n").as_bytes())?;
        self.reply()
    }

    /// The last line of the next reply.
    pub(super) fn reply(&mut self) -> io::Result<String> {
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let is_last = line.len() > 3 && line.as_bytes()[3] == b' ' && line.as_bytes()[0].is_ascii_digit();
            if is_last {
                return Ok(line.trim_end().to_owned());
            }
        }
    }

    /// What 227 says.
    pub(super) fn passive(&mut self) -> io::Result<SocketAddrV4> {
        let reply = self.ask("PASV")?;
        let numbers =
            reply.split_once('(').and_then(|(_, rest)| rest.split_once(')')).map(|(inside, _)| inside);
        let numbers: Vec<u8> =
            numbers.unwrap_or_default().split(',').filter_map(|number| number.parse().ok()).collect();
        match numbers[..] {
            [a, b, c, d, high, low] => {
                Ok(SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), u16::from_be_bytes([high, low])))
            }
            _ => Err(io::Error::other(reply)),
        }
    }
}
