//! Small files whose length is known: in memory until they are whole.

use super::Wanted;
use super::part::Part;
use crate::Receipt;
use crate::download::Download;
use crate::error::Result;
use crate::files::Facts;
use tokio::io::AsyncReadExt;

/// Bytes by which a small file may have grown since it was listed and still be read to its end.
const GROWN: u64 = 1 << 20;

impl Wanted<'_> {
    /// Takes a small file; nothing when its length is another.
    pub(super) async fn take_small(&self, mut download: Download, facts: Facts) -> Result<Option<Receipt>> {
        let wanted = facts.size.unwrap_or_default();
        let mut bytes = Vec::with_capacity(usize::try_from(wanted).unwrap_or_default() + 1);
        // What has grown a little is read to its end: to break it off would take what comes behind it with it.
        let read = (&mut download).take(wanted + GROWN).read_to_end(&mut bytes).await;
        read.map_err(|error| download.error(&error))?;
        let got = bytes.len() as u64;
        if got == wanted + GROWN {
            return Ok(None);
        }
        let receipt = download.finish().await?;
        if got != wanted {
            return Ok(None);
        }
        let mut part = Part::open(self.folder, self.name)?;
        let was_there = part.found() > 0;
        if was_there {
            part.cut(0)?;
        }
        part.write(0, &bytes)?;
        part.complete(facts, self.how, was_there)?;
        (self.progress)(got, Some(wanted));
        Ok(Some(receipt))
    }
}
