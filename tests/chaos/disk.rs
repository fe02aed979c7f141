//! Owns a small disk that can be filled, and its end; knows nothing of what lies on it.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

/// Room for the ledger of a run, many times over.
const SIZE: &str = "size=96m";

/// May this process mount one?
pub fn is_possible() -> bool {
    let folder = tempfile::tempdir().unwrap();
    Disk::mount(&folder.path().join("disk")).is_some()
}

/// A file system of its own, mounted on a folder until dropped.
pub struct Disk {
    folder: PathBuf,
    /// One at a time fills it.
    filling: Mutex<()>,
}

impl Disk {
    /// None where this process may not mount.
    pub fn mount(folder: &Path) -> Option<Self> {
        std::fs::create_dir_all(folder).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", SIZE, "none"]).arg(folder).output();
        mounted
            .is_ok_and(|done| done.status.success())
            .then(|| Self { folder: folder.to_owned(), filling: Mutex::default() })
    }

    /// Full while `meanwhile` runs.
    pub fn full(&self, meanwhile: impl FnOnce()) {
        let _alone = self.filling.lock().unwrap();
        let path = self.folder.join("ballast");
        let mut ballast = File::create(&path).unwrap();
        for size in [1 << 20, 1 << 12] {
            let block = vec![1; size];
            while ballast.write_all(&block).is_ok() {}
        }
        meanwhile();
        std::fs::remove_file(&path).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // lazily: whoever looks into it now has it for as long
        let _ = Command::new("umount").arg("-l").arg(&self.folder).status();
    }
}
