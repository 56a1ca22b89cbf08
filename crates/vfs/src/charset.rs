//! A layer that gives names another charset than the storage has: UTF-8 beneath, for clients that
//! know nothing of it. Names that have no place in the charset are passed as the bytes they are.

use crate::{Entries, ReadFile, Result, Rights, Vfs, Write, WriteFile};
use async_trait::async_trait;
use encoding_rs::Encoding;
use portolan_wire::{Entry, Timestamp, VirtualPath};
use std::fs::File;
use std::sync::Arc;

/// Storage whose names are seen in another charset.
pub struct Charset<T> {
    storage: T,
    encoding: &'static Encoding,
}

/// The charset of that name, if it is one whose names can be paths: ASCII must be ASCII in it.
pub fn find(label: &str) -> Option<&'static Encoding> {
    Encoding::for_label(label.as_bytes()).filter(|encoding| encoding.is_ascii_compatible())
}

impl<T> Charset<T> {
    /// Shows the names of this storage in that charset.
    pub fn new(storage: T, encoding: &'static Encoding) -> Charset<T> {
        Charset { storage, encoding }
    }

    fn inside(&self, path: &VirtualPath) -> VirtualPath {
        let decoded = self.encoding.decode_without_bom_handling_and_without_replacement(path.as_bytes());
        decoded
            .and_then(|text| VirtualPath::root().join(text.as_bytes()).ok())
            .unwrap_or_else(|| path.clone())
    }
}

fn outside(name: &[u8], encoding: &'static Encoding) -> Vec<u8> {
    match std::str::from_utf8(name).map(|text| encoding.encode(text)) {
        Ok((bytes, _, false)) => bytes.into_owned(),
        Ok((_, _, true)) | Err(_) => name.to_vec(),
    }
}

fn show(entry: Entry, encoding: &'static Encoding) -> Entry {
    let target = entry.target.map(|target| outside(&target, encoding));
    Entry { name: outside(&entry.name, encoding), target, ..entry }
}

#[async_trait]
impl<T: Vfs> Vfs for Charset<T> {
    async fn describe(&self, path: &VirtualPath, follow: bool) -> Result<Entry> {
        Ok(show(self.storage.describe(&self.inside(path), follow).await?, self.encoding))
    }

    fn rights(&self, directory: &VirtualPath) -> Rights {
        self.storage.rights(&self.inside(directory))
    }

    fn is_fixed(&self, path: &VirtualPath) -> bool {
        self.storage.is_fixed(&self.inside(path))
    }

    async fn enter(&self, path: &VirtualPath) -> Result<()> {
        self.storage.enter(&self.inside(path)).await
    }

    async fn list(&self, path: &VirtualPath) -> Result<Box<dyn Entries>> {
        let entries = self.storage.list(&self.inside(path)).await?;
        Ok(Box::new(Shown { entries, encoding: self.encoding }))
    }

    async fn make_directory(&self, path: &VirtualPath) -> Result<()> {
        self.storage.make_directory(&self.inside(path)).await
    }

    async fn remove_directory(&self, path: &VirtualPath) -> Result<()> {
        self.storage.remove_directory(&self.inside(path)).await
    }

    async fn delete(&self, path: &VirtualPath) -> Result<()> {
        self.storage.delete(&self.inside(path)).await
    }

    async fn rename(&self, from: &VirtualPath, to: &VirtualPath) -> Result<()> {
        self.storage.rename(&self.inside(from), &self.inside(to)).await
    }

    async fn set_facts(
        &self,
        path: &VirtualPath,
        modified: Option<Timestamp>,
        mode: Option<u32>,
    ) -> Result<()> {
        self.storage.set_facts(&self.inside(path), modified, mode).await
    }

    async fn link(&self, target: &VirtualPath, path: &VirtualPath) -> Result<()> {
        self.storage.link(&self.inside(target), &self.inside(path)).await
    }

    async fn space(&self, path: &VirtualPath) -> Result<u64> {
        self.storage.space(&self.inside(path)).await
    }

    async fn read(&self, path: &VirtualPath) -> Result<Box<dyn ReadFile>> {
        self.storage.read(&self.inside(path)).await
    }

    async fn write(&self, path: &VirtualPath, how: Write) -> Result<Box<dyn WriteFile>> {
        let file = self.storage.write(&self.inside(path), how).await?;
        let name = outside(file.name(), self.encoding);
        Ok(Box::new(Named { file, name }))
    }
}

struct Shown {
    entries: Box<dyn Entries>,
    encoding: &'static Encoding,
}

#[async_trait]
impl Entries for Shown {
    async fn next_batch(&mut self) -> Result<Vec<Entry>> {
        let batch = self.entries.next_batch().await?;
        Ok(batch.into_iter().map(|entry| show(entry, self.encoding)).collect())
    }
}

/// A file whose name is told in the charset.
struct Named {
    file: Box<dyn WriteFile>,
    name: Vec<u8>,
}

#[async_trait]
impl WriteFile for Named {
    fn name(&self) -> &[u8] {
        &self.name
    }

    fn position(&self) -> u64 {
        self.file.position()
    }

    fn is_in_place(&self) -> bool {
        self.file.is_in_place()
    }

    async fn begin(&mut self) -> Result<()> {
        self.file.begin().await
    }

    fn descriptor(&self) -> Option<Arc<File>> {
        self.file.descriptor()
    }

    async fn write(&mut self, bytes: Vec<u8>) -> Result<Vec<u8>> {
        self.file.write(bytes).await
    }

    async fn commit(self: Box<Self>) -> Result<()> {
        self.file.commit().await
    }

    async fn keep(self: Box<Self>) -> Result<()> {
        self.file.keep().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Memory;

    #[tokio::test]
    async fn the_battery() {
        let encoding = find("windows-1251").unwrap();
        crate::battery::run(|| Ok(Charset::new(Memory::new(), encoding))).await.unwrap();
    }

    #[tokio::test]
    async fn names_are_utf_8_beneath() {
        let memory = Memory::new();
        let charset = Charset::new(memory.clone(), find("koi8-r").unwrap());
        let path = |name: &[u8]| VirtualPath::root().join(name).unwrap();
        charset.make_directory(&path(b"\xcd\xc9\xd2")).await.unwrap();
        assert!(memory.describe(&path("мир".as_bytes()), true).await.is_ok());
        assert_eq!(charset.describe(&path(b"\xcd\xc9\xd2"), true).await.unwrap().name, b"\xcd\xc9\xd2");
        memory.make_directory(&path("日本".as_bytes())).await.unwrap();
        let names: Vec<Vec<u8>> = charset
            .list(&path(b""))
            .await
            .unwrap()
            .next_batch()
            .await
            .unwrap()
            .into_iter()
            .map(|entry| entry.name)
            .collect();
        assert_eq!(names, [b"\xcd\xc9\xd2".to_vec(), "日本".as_bytes().to_vec()]);
        assert!(find("utf-16le").is_none() && find("iso-2022-jp").is_none() && find("nonsense").is_none());
    }
}
