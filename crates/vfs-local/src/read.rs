//! A file open for reading.

use crate::errors::{from_errno, from_io};
use crate::pace::waiting;
use async_trait::async_trait;
use portolan_vfs::{ReadFile, Result};
use rustix::io::{Errno, ReadWriteFlags};
use std::fs::File;
use std::io::IoSliceMut;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

pub(crate) struct Reader {
    file: Arc<File>,
    size: u64,
}

impl Reader {
    pub(crate) fn new(file: File, size: u64) -> Reader {
        Reader { file: Arc::new(file), size }
    }
}

#[async_trait]
impl ReadFile for Reader {
    fn size(&self) -> u64 {
        self.size
    }

    fn descriptor(&self) -> Option<Arc<File>> {
        Some(Arc::clone(&self.file))
    }

    async fn read_at(&mut self, offset: u64, length: usize) -> Result<Vec<u8>> {
        let mut buffer = vec![0; length];
        // What the page cache has comes at once, without another thread.
        let cached = rustix::io::preadv2(
            &*self.file,
            &mut [IoSliceMut::new(&mut buffer)],
            offset,
            ReadWriteFlags::NOWAIT,
        );
        let read = match cached {
            Ok(read) if read > 0 || length == 0 => read,
            Ok(_) | Err(Errno::AGAIN | Errno::OPNOTSUPP | Errno::INTR) => {
                let file = Arc::clone(&self.file);
                let (read, filled) = waiting(move || {
                    let read = file.read_at(&mut buffer, offset).map_err(|error| from_io(&error))?;
                    Ok((read, buffer))
                })
                .await?;
                buffer = filled;
                read
            }
            Err(errno) => return Err(from_errno(errno)),
        };
        buffer.truncate(read);
        Ok(buffer)
    }
}
