//! What the system's errors mean.

use portolan_vfs::Error;
use rustix::io::Errno;

/// The error that an error number means. One that nobody can do anything about is logged.
pub(crate) fn from_errno(errno: Errno) -> Error {
    match errno {
        Errno::NOENT => Error::NotFound,
        Errno::EXIST => Error::Exists,
        Errno::NOTDIR => Error::NotDirectory,
        Errno::ISDIR | Errno::NXIO => Error::NotFile,
        Errno::NOTEMPTY => Error::NotEmpty,
        Errno::ACCESS | Errno::PERM | Errno::ROFS => Error::Denied,
        Errno::XDEV | Errno::LOOP => Error::Outside,
        Errno::NAMETOOLONG | Errno::INVAL | Errno::ILSEQ => Error::BadName,
        Errno::NOSPC | Errno::DQUOT | Errno::FBIG => Error::NoSpace,
        Errno::BUSY | Errno::TXTBSY | Errno::WOULDBLOCK => Error::Busy,
        Errno::OPNOTSUPP | Errno::NOSYS => Error::NotOffered,
        other => {
            tracing::error!(error = %std::io::Error::from(other), "storage failed");
            Error::Local
        }
    }
}

/// The same for an error of the standard library.
pub(crate) fn from_io(error: &std::io::Error) -> Error {
    error.raw_os_error().map_or(Error::Local, |number| from_errno(Errno::from_raw_os_error(number)))
}
