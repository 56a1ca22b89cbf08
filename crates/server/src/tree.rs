//! The trees of files that those see who have logged in.

use crate::options::Rules;
use portolan_accounts::Account;
use portolan_confine::Identity;
use portolan_vfs::charset::Charset;
use portolan_vfs::quota::{Allowance, Folder, Ledger, Most, Quota};
use portolan_vfs::{Mount, Mounts, Right, Vfs};
use portolan_vfs_local::Local;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// What somebody sees, and what counts for them.
pub(crate) struct Tree {
    pub(crate) account: Arc<Account>,
    pub(crate) view: Arc<dyn Vfs>,
    /// What may lie in folders of its own, where that is limited.
    pub(crate) allowance: Option<Arc<Allowance>>,
    folders: Vec<Local>,
}

/// The trees that there are, by the address of their account, which they keep: all sessions of an account have the same
/// one, as long as its folders are.
#[derive(Default)]
pub(crate) struct Trees {
    known: Mutex<HashMap<usize, Weak<Tree>>>,
    /// What lies in folders for which that counts.
    ledger: Ledger,
}

impl Trees {
    /// Opens the folders of an account, and makes those that are to be made.
    ///
    /// # Errors
    /// When one of them is not there: what lies behind it must not come to light, with other rights. The message says
    /// which.
    pub(crate) async fn open(&self, account: Arc<Account>, rules: &Rules) -> io::Result<Arc<Tree>> {
        let mut folders = Vec::with_capacity(account.mounts.len());
        for mount in &account.mounts {
            let opened = folder(mount, account.identity.clone(), rules).await;
            let named = |error: io::Error| {
                io::Error::new(error.kind(), format!("{}: {error}", mount.folder.display()))
            };
            folders.push(opened.map_err(named)?);
        }
        let mut trees = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let key = Arc::as_ptr(&account) as usize;
        if let Some(same) = trees.get(&key).and_then(Weak::upgrade).filter(|tree| tree.folders == folders) {
            return Ok(same);
        }
        let tree = Arc::new(Tree::new(account, folders, rules, &self.ledger));
        trees.retain(|_, tree| tree.strong_count() > 0);
        trees.insert(key, Arc::downgrade(&tree));
        Ok(tree)
    }
}

impl Tree {
    fn new(account: Arc<Account>, folders: Vec<Local>, rules: &Rules, ledger: &Ledger) -> Tree {
        let most = Most { bytes: account.quota_bytes.0, files: account.quota_files.0 };
        let counted = counted(&account, &folders, ledger);
        let allowance = (most != Most::default() && !counted.is_empty())
            .then(|| Arc::new(Allowance::new(most, counted.values().cloned().collect())));
        let local = |folder: &Local| -> Arc<dyn Vfs> { Arc::new(folder.clone()) };
        let storage = |number: usize, folder: &Local| -> Arc<dyn Vfs> {
            match (&allowance, counted.get(&number)) {
                (Some(allowance), Some(counted)) => {
                    Arc::new(Quota::new(local(folder), Arc::clone(counted), Arc::clone(allowance)))
                }
                _ => local(folder),
            }
        };
        let mounts = account.mounts.iter().zip(&folders).enumerate().map(|(number, (mount, folder))| Mount {
            at: mount.at.clone(),
            storage: storage(number, folder),
            rights: mount.rights,
            subfolders: mount.subfolders,
        });
        let mounts = Mounts::new(mounts);
        let view: Arc<dyn Vfs> = match rules.charset {
            Some(encoding) => Arc::new(Charset::new(mounts, encoding)),
            None => Arc::new(mounts),
        };
        Tree { account, view, allowance, folders }
    }
}

/// What counts for a quota of those folders, by their number: the account's own, in which something may come to be. For
/// one that lies in another, that is the other.
fn counted(account: &Account, folders: &[Local], ledger: &Ledger) -> BTreeMap<usize, Arc<Folder>> {
    let path = |number: usize| folders[number].path().unwrap_or(&account.mounts[number].folder);
    let own = |number: &usize| {
        let mount = &account.mounts[*number];
        let makes = [Right::Write, Right::Append].iter().any(|right| mount.rights.contains(*right));
        mount.is_own() && makes
    };
    let own: Vec<usize> = (0..folders.len()).filter(own).collect();
    let outermost = |number: usize| {
        let around = own.iter().copied().filter(|other| path(number).starts_with(path(*other)));
        around.min_by_key(|other| path(*other).components().count()).unwrap_or(number)
    };
    let mut counted: BTreeMap<usize, Arc<Folder>> = BTreeMap::new();
    for number in own.iter().copied() {
        let around = outermost(number);
        let name = path(around).display().to_string();
        let folder = ledger.folder(&name, Arc::new(folders[around].clone()));
        counted.insert(number, folder);
    }
    counted
}

/// Opens a folder, and makes it, if it is to be made.
async fn folder(
    mount: &portolan_accounts::Mount,
    whose: Option<Arc<Identity>>,
    rules: &Rules,
) -> io::Result<Local> {
    let folder = match Local::open(&mount.folder, rules.uploads, whose.clone()).await {
        // Who acts in another's name may not give it to them.
        Err(error) if error.kind() == io::ErrorKind::NotFound && mount.make && whose.is_none() => {
            make(&mount.folder).await?;
            Local::open(&mount.folder, rules.uploads, whose).await
        }
        opened => opened,
    }?;
    let path = folder.path().unwrap_or(&mount.folder);
    if let Some(within) = &rules.within
        && !within.iter().any(|folder| path.starts_with(folder))
    {
        return Err(io::Error::other(
            "the server gave it up when it started, since it was not known; `portolan restart` takes in what is in the \
             configuration or the database, others are to be written as `folders` in [confine]",
        ));
    }
    match rules.secrets.iter().find(|secret| secret.starts_with(path)) {
        Some(secret) => {
            Err(io::Error::other(format!("it has secrets of the server in it: {}", secret.display())))
        }
        None => Ok(folder),
    }
}

async fn make(folder: &Path) -> io::Result<()> {
    tracing::info!(folder = %folder.display(), "made for its user");
    let folder = folder.to_owned();
    tokio::task::spawn_blocking(move || std::fs::create_dir_all(folder)).await?
}
