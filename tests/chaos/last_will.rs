//! Owns the folder that everything of this process lies in, and what is done when the process ends, in whatever way: no
//! process, mount or file outlives it.

use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Waits for the end of its input, that is, of this process; then ends every process that works below `$1`, frees every
/// mount there, and deletes it.
const SCRIPT: &str = r#"
trap '' INT TERM HUP
cat >/dev/null
for process in /proc/[0-9]*; do
    case "$(readlink "$process/cwd")" in
        "$1"/*) kill -9 "${process#/proc/}" ;;
    esac
done
while read -r _ place _; do
    case "$place" in
        "$1"/*) umount -l "$place" ;;
    esac
done </proc/mounts
rm -rf "$1"
"#;

/// Carried out when dropped, and when this process ends without dropping anything.
pub struct LastWill(Child);

impl LastWill {
    /// From now on every temporary folder of this process lies in one of its own.
    pub fn make() -> Self {
        let folder = tempfile::Builder::new().prefix("replenish-chaos.").tempdir().expect("a folder").keep();
        tempfile::env::override_temp_dir(&folder).expect("nobody has chosen another one");
        Self::of(&folder)
    }

    fn of(folder: &Path) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, "sh"]).arg(folder).current_dir("/");
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().expect("a shell"))
    }
}

impl Drop for LastWill {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}
