//! Whatever is done on a real disk, what is counted is what is there, and never more than there may be.
#![allow(clippy::unwrap_used)]

use portolan_vfs::quota::{Allowance, Counts, Ledger, Most, Quota};
use portolan_vfs::{Vfs, Write};
use portolan_vfs_local::{Local, Uploads};
use portolan_wire::VirtualPath;
use proptest::prelude::*;
use std::path::Path;
use std::sync::Arc;

fn counted(storage: &Arc<dyn Vfs>, most: Most) -> (Quota, Arc<Allowance>) {
    let folder = Ledger::default().folder("one", Arc::clone(storage));
    let allowance = Arc::new(Allowance::new(most, vec![Arc::clone(&folder)]));
    (Quota::new(Arc::clone(storage), folder, Arc::clone(&allowance)), allowance)
}

/// What is really there.
fn there(root: &Path) -> Counts {
    let mut counts = Counts::default();
    for entry in std::fs::read_dir(root).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name().to_string_lossy().starts_with(".portolan-upload-") {
            continue;
        }
        let metadata = entry.metadata().unwrap();
        counts.files += 1;
        counts.bytes += if metadata.is_file() { metadata.len() } else { 0 };
    }
    counts
}

fn path(name: &str) -> VirtualPath {
    VirtualPath::root().join(name.as_bytes()).unwrap()
}

#[derive(Debug, Clone)]
enum Doing {
    Store {
        name: u8,
        how: u8,
        bytes: usize,
        end: u8,
    },
    Delete(u8),
    Rename(u8, u8),
    Link(u8, u8),
    /// The upload that has been open for longest ends.
    End {
        whole: bool,
    },
}

fn doing() -> impl Strategy<Value = Doing> {
    let name = || 0..4u8;
    prop_oneof![
        4 => (name(), 0..4u8, 0..60usize, 0..3u8)
            .prop_map(|(name, how, bytes, end)| Doing::Store { name, how, bytes, end }),
        1 => name().prop_map(Doing::Delete),
        1 => (name(), name()).prop_map(|(from, to)| Doing::Rename(from, to)),
        1 => (name(), name()).prop_map(|(target, path)| Doing::Link(target, path)),
        1 => any::<bool>().prop_map(|whole| Doing::End { whole }),
    ]
}

proptest! {
    #[test]
    fn what_is_counted_is_what_is_there(
        all in proptest::collection::vec(doing(), 1..40), direct in any::<bool>()
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let root = tempfile::tempdir().unwrap();
            let uploads = if direct { Uploads::Direct } else { Uploads::Atomic };
            let local: Arc<dyn Vfs> = Arc::new(Local::open(root.path(), uploads, None).await.unwrap());
            let most = Most { bytes: Some(150), files: Some(3) };
            let (quota, allowance) = counted(&local, most);
            let named = |name: u8| path(&format!("f{name}"));
            let mut open = Vec::new();
            for one in all {
                // Whatever comes of it.
                match one {
                    Doing::Store { name, how, bytes, end } => {
                        let how = [Write::New, Write::Unique, Write::At(5), Write::End][usize::from(how)];
                        let Ok(mut file) = quota.write(&named(name), how).await else { continue };
                        let _ = file.begin().await;
                        let _ = file.write(vec![7; bytes]).await;
                        match end {
                            0 => drop(file.commit().await),
                            1 => drop(file.keep().await),
                            _ => open.push(file),
                        }
                    }
                    Doing::Delete(name) => drop(quota.delete(&named(name)).await),
                    Doing::Rename(from, to) => drop(quota.rename(&named(from), &named(to)).await),
                    Doing::Link(target, path) => drop(quota.link(&named(target), &named(path)).await),
                    Doing::End { whole } if !open.is_empty() => {
                        let file = open.remove(0);
                        let _ = if whole { file.commit().await } else { file.keep().await };
                    }
                    Doing::End { .. } => {}
                }
                let there = there(root.path());
                prop_assert!(there.bytes <= 150 && there.files <= 3, "{there:?}");
            }
            for file in open {
                let _ = file.commit().await;
            }
            let there = there(root.path());
            prop_assert!(there.bytes <= 150 && there.files <= 3, "{there:?}");
            prop_assert_eq!(allowance.used().await.unwrap(), there);
            Ok(())
        })?;
    }
}
