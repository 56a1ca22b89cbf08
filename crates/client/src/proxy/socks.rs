//! SOCKS4, its extension 4a for names, and SOCKS5 (RFC 1928) with a login (RFC 1929). The messages are a library's.

use super::{Login, Problem};
use portolan_proto::client::{Host, Place};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_socks::tcp::{Socks4Stream, Socks5Stream};
use tokio_socks::{Error, IntoTargetAddr, TargetAddr};

pub(super) async fn version_4<S>(stream: S, to: &Place, login: Option<&Login>) -> Result<S, Problem>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if to.host.is_ipv6() {
        return Err(Problem::Unfit("SOCKS4 knows no addresses of IPv6; socks5:// does"));
    }
    let to = target(to)?;
    let opened = match login {
        Some(Login { user, .. }) => Socks4Stream::connect_with_userid_and_socket(stream, to, user).await,
        None => Socks4Stream::connect_with_socket(stream, to).await,
    };
    Ok(opened.map_err(problem)?.into_inner())
}

pub(super) async fn version_5<S>(stream: S, to: &Place, login: Option<&Login>) -> Result<S, Problem>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let to = target(to)?;
    let opened = match login {
        Some(Login { user, password }) => {
            Socks5Stream::connect_with_password_and_socket(stream, to, user, password).await
        }
        None => Socks5Stream::connect_with_socket(stream, to).await,
    };
    Ok(opened.map_err(problem)?.into_inner())
}

fn target(to: &Place) -> Result<TargetAddr<'_>, Problem> {
    match (&to.host, to.address()) {
        (_, Some(address)) => address.into_target_addr(),
        // In SOCKS4a a NUL would end it.
        (Host::Name(name), _) if name.contains('\0') => {
            return Err(Problem::Unfit("the name of the server holds a NUL"));
        }
        (Host::Name(name), _) => (name.as_str(), to.port).into_target_addr(),
        (Host::Address(address), _) => (*address, to.port).into_target_addr(),
    }
    .map_err(problem)
}

fn problem(error: Error) -> Problem {
    let said = error.to_string();
    match error {
        Error::Io(error) => error.into(),
        // SOCKS4 has one number for all of them, the first.
        Error::GeneralSocksServerFailure
        | Error::NetworkUnreachable
        | Error::HostUnreachable
        | Error::ConnectionRefused
        | Error::TtlExpired => Problem::Unreachable(said),
        Error::ConnectionNotAllowedByRuleset
        | Error::CommandNotSupported
        | Error::AddressTypeNotSupported => Problem::Forbidden(said),
        Error::NoAcceptableAuthMethods
        | Error::AuthorizationRequired
        | Error::PasswordAuthFailure(_)
        | Error::IdentdAuthFailure
        | Error::InvalidUserIdAuthFailure => Problem::Login(said),
        Error::InvalidTargetAddress("overlong domain") => {
            Problem::Unfit("the name of the server is too long")
        }
        _ => Problem::Strange(said),
    }
}
