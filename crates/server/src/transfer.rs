//! What a transfer reads or writes, apart from the connection it goes over.

use crate::listing::Lister;
use crate::storage::failure;
use async_trait::async_trait;
use portolan_net::dtp::{Sink, Source};
use portolan_proto::server::{Failure, Open, Outcome};
use portolan_vfs::{Error, ReadFile, Vfs, Write, WriteFile};
use portolan_wire::VirtualPath;
use portolan_wire::data::{DecodeError, Decoder, Encoder, Marker};
use portolan_wire::parameters::{Mode, Parameters, Representation, Structure};
use std::fs::File;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

/// Bytes of one reading.
const BUFFER: usize = 256 << 10;

/// What a transfer has opened.
pub struct Opened {
    /// The file or directory.
    pub path: VirtualPath,
    /// What is done with it.
    pub content: Content,
}

/// What a transfer has opened, by direction.
pub enum Content {
    /// A file to send.
    Download(Download),
    /// A listing to send.
    Listing(ListSource),
    /// A file to receive.
    Upload(Upload),
}

impl Content {
    /// Where bytes of the file are counted, if these are not the ones that travel.
    pub(crate) fn counter(&self) -> Option<Arc<AtomicU64>> {
        match self {
            Content::Download(download) if !download.parameters.is_plain() => {
                Some(Arc::clone(&download.counter))
            }
            Content::Upload(upload) if !upload.parameters.is_plain() => Some(Arc::clone(&upload.counter)),
            Content::Download(_) | Content::Upload(_) | Content::Listing(_) => None,
        }
    }
}

/// Opens what a transfer reads or writes. Nothing changes yet.
///
/// # Errors
/// What the session is to be told.
pub async fn open(tree: Arc<dyn Vfs>, open: Open) -> Result<(Opened, Outcome), Failure> {
    let parameters = open.parameters();
    let (mut size, mut name) = (None, None);
    let (path, content) = match open {
        Open::Retrieve { path, offset, .. } => {
            let file = tree.read(&path).await.map_err(failure)?;
            if offset > file.size() {
                return Err(Failure::BadOffset);
            }
            size = parameters.is_plain().then(|| file.size() - offset);
            (path, Content::Download(Download { file, offset, parameters, counter: Arc::default() }))
        }
        Open::Store { path, .. } => upload(&*tree, path, Write::New, parameters).await?,
        Open::StoreUnique { path, .. } => {
            let (path, content) = upload(&*tree, path, Write::Unique, parameters).await?;
            if let Content::Upload(upload) = &content {
                name = Some(upload.file.name().to_vec());
            }
            (path, content)
        }
        Open::Resume { path, offset, .. } => upload(&*tree, path, Write::At(offset), parameters).await?,
        Open::Append { path, .. } => upload(&*tree, path, Write::End, parameters).await?,
        Open::List { path, listing, .. } => {
            let lister = Lister::open(&*tree, &path, listing).await?;
            // A listing has lines, not records.
            let parameters = Parameters { structure: Structure::File, ..parameters };
            let encoder = Some(Encoder::new(parameters, 0));
            (path, Content::Listing(ListSource { tree, lister: Box::new(lister), encoder }))
        }
    };
    Ok((Opened { path, content }, Outcome::Opened { size, name }))
}

async fn upload(
    tree: &dyn Vfs,
    path: VirtualPath,
    how: Write,
    parameters: Parameters,
) -> Result<(VirtualPath, Content), Failure> {
    let file = tree.write(&path, how).await.map_err(failure)?;
    let decoder = Decoder::new(parameters, file.position());
    let (buffer, markers, counter) = (Vec::new(), Arc::default(), Arc::default());
    let upload = Upload { file, parameters, decoder, buffer, markers, counter };
    Ok((path, Content::Upload(upload)))
}

impl Opened {
    /// Bytes of the file that are to be sent, if it is one.
    pub fn download_length(&self) -> Option<u64> {
        match &self.content {
            Content::Download(Download { file, offset, .. }) => Some(file.size().saturating_sub(*offset)),
            Content::Listing(_) | Content::Upload(_) => None,
        }
    }

    /// True when bytes move as they are.
    pub fn is_binary(&self) -> bool {
        let parameters = match &self.content {
            Content::Download(download) => download.parameters,
            Content::Upload(upload) => upload.parameters,
            Content::Listing(_) => return false,
        };
        parameters.representation == Representation::Image
    }

    /// Lets go of it without having moved anything.
    pub async fn discard(self) {
        if let Content::Upload(upload) = self.content {
            upload.keep().await;
        }
    }
}

/// A file to send.
pub struct Download {
    file: Box<dyn ReadFile>,
    offset: u64,
    parameters: Parameters,
    counter: Arc<AtomicU64>,
}

impl Download {
    /// The file and the bytes of it to send, where the kernel can send them as they are.
    pub fn plain(&self) -> Option<(Arc<File>, Range<u64>)> {
        let descriptor = self.file.descriptor().filter(|_| self.parameters.is_plain())?;
        Some((descriptor, self.offset..self.file.size()))
    }

    /// The bytes to send, encoded.
    pub fn into_source(self) -> FileSource {
        let encoder = Some(Encoder::new(self.parameters, self.offset));
        let Download { file, offset, parameters, counter } = self;
        FileSource { file, offset, parameters, counter, encoder }
    }
}

/// The bytes of a file, encoded.
pub struct FileSource {
    file: Box<dyn ReadFile>,
    offset: u64,
    parameters: Parameters,
    counter: Arc<AtomicU64>,
    encoder: Option<Encoder>,
}

#[async_trait]
impl Source<Failure> for FileSource {
    async fn next_bytes(&mut self) -> Result<Vec<u8>, Failure> {
        let mut wire = Vec::new();
        // The end of a small file goes with it.
        while wire.len() < BUFFER
            && let Some(mut encoder) = self.encoder.take()
        {
            let bytes = self.file.read_at(self.offset, BUFFER).await.map_err(failure)?;
            self.offset += bytes.len() as u64;
            self.counter.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            let ends = bytes.is_empty();
            let encode = move || {
                if ends {
                    encoder.finish(&mut wire);
                } else {
                    encoder.encode(&bytes, &mut wire);
                }
                (encoder, wire)
            };
            let encoded = if is_work(self.parameters) { elsewhere(encode).await } else { Some(encode()) };
            let (encoder, made) = encoded.ok_or(Failure::Local)?;
            wire = made;
            if ends {
                break;
            }
            self.encoder = Some(encoder);
        }
        Ok(wire)
    }
}

/// True where to encode or decode takes so long that other sessions of this thread would notice.
fn is_work(parameters: Parameters) -> bool {
    matches!(parameters.mode, Mode::Deflate(_))
}

/// Does work on a thread that may take its time; nothing comes of it only at the end of the program.
async fn elsewhere<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}

/// The lines of a listing, encoded.
pub struct ListSource {
    tree: Arc<dyn Vfs>,
    lister: Box<Lister>,
    encoder: Option<Encoder>,
}

#[async_trait]
impl Source<Failure> for ListSource {
    async fn next_bytes(&mut self) -> Result<Vec<u8>, Failure> {
        let mut wire = Vec::new();
        if let Some(mut encoder) = self.encoder.take() {
            let text = self.lister.next_text(&*self.tree).await.map_err(failure)?;
            if text.is_empty() {
                encoder.finish(&mut wire);
            } else {
                encoder.encode(&text, &mut wire);
                self.encoder = Some(encoder);
            }
        }
        Ok(wire)
    }
}

/// A file to receive.
pub struct Upload {
    file: Box<dyn WriteFile>,
    parameters: Parameters,
    decoder: Decoder,
    buffer: Vec<u8>,
    markers: Arc<Markers>,
    counter: Arc<AtomicU64>,
}

impl Upload {
    /// Lets restart markers that come go there.
    pub fn set_markers(&mut self, markers: Arc<Markers>) {
        self.markers = markers;
    }

    /// Makes ready for the first byte.
    ///
    /// # Errors
    /// What the session is to be told.
    pub async fn begin(&mut self) -> Result<(), Failure> {
        self.file.begin().await.map_err(failure)
    }

    /// Takes bytes as they are, for a [plain](Self::plain) file.
    ///
    /// # Errors
    /// What the session is to be told.
    pub async fn take_plain(&mut self, bytes: Vec<u8>) -> Result<Vec<u8>, Failure> {
        self.file.write(bytes).await.map_err(failure)
    }

    /// The file, where the kernel can write what comes as it is; after [`begin`](Self::begin).
    pub fn plain(&self) -> Option<Arc<File>> {
        self.file.descriptor().filter(|_| self.parameters.is_plain())
    }

    /// The data is whole as far as the connection goes: puts it in its place, if it is whole by its
    /// own marks too.
    ///
    /// # Errors
    /// What the session is to be told.
    pub async fn commit(mut self) -> Result<(), Failure> {
        let ended = self.decoder.finish(&mut self.buffer);
        let written = self.write().await.map_err(failure);
        if let Err(reason) = written.and(ended.map_err(|_| Failure::BadData)) {
            self.keep().await;
            return Err(reason);
        }
        self.file.commit().await.map_err(failure)
    }

    /// The upload broke off: keeps what does no harm.
    pub async fn keep(self) {
        // The session is told of the break; that keeping failed too would add nothing.
        let _ = self.file.keep().await;
    }

    async fn write(&mut self) -> Result<(), Error> {
        let bytes = std::mem::take(&mut self.buffer);
        if !bytes.is_empty() {
            self.counter.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            self.buffer = self.file.write(bytes).await?;
            self.buffer.clear();
            // A little that became much must not stay that.
            self.buffer.shrink_to(BUFFER);
        }
        self.markers.add(self.decoder.take_markers());
        Ok(())
    }
}

#[async_trait]
impl Sink<Failure> for Upload {
    async fn take(&mut self, bytes: &[u8]) -> Result<bool, Failure> {
        for piece in bytes.chunks(self.decoder.piece()) {
            let decoded = self.decoder.decode(piece, &mut self.buffer);
            self.write().await.map_err(failure)?;
            decoded.map_err(|error| match error {
                DecodeError::Expands => Failure::Expands,
                DecodeError::Invalid | DecodeError::Truncated => Failure::BadData,
            })?;
        }
        Ok(self.decoder.is_ended())
    }
}

/// Restart markers that have come with an upload, until the session answers them.
#[derive(Debug, Default)]
pub struct Markers {
    waiting: Mutex<Vec<Marker>>,
    came: Notify,
}

impl Markers {
    fn add(&self, markers: Vec<Marker>) {
        if !markers.is_empty() {
            self.waiting.lock().unwrap_or_else(PoisonError::into_inner).extend(markers);
            self.came.notify_one();
        }
    }

    /// The markers that wait.
    pub fn take(&self) -> Vec<Marker> {
        std::mem::take(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until there are some.
    pub async fn came(&self) {
        self.came.notified().await;
    }
}
