//! Owns a Postfix of one test: on a free port, in a folder of its own, delivering to a Maildir.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::redis::free_port;

const PROGRAM: &str = "/usr/sbin/postfix";
/// How long a start or a delivery may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs the server of the folder `$1`, and stops it when its standard input ends: that is, when this process ends,
/// in whatever way.
const SCRIPT: &str = r#"
trap '' INT TERM
postfix -c "$1/config" start-fg >"$1/log" 2>&1 &
cat >/dev/null || true
postfix -c "$1/config" stop >>"$1/log" 2>&1
wait
"#;

const SERVICES: &str = "inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
";

/// The server; every mailbox at example.tw is its one Maildir.
pub struct Postfix {
    folder: TempDir,
    port: u16,
    child: Child,
    guard: Option<ChildStdin>,
}

impl Postfix {
    /// Starts one and waits until it answers; `None` (said aloud) where there is none or no right to start it.
    pub async fn start() -> Option<Self> {
        let is_root = Command::new("id").arg("-u").output().is_ok_and(|o| o.stdout == b"0\n");
        if !is_root || !Path::new(PROGRAM).exists() {
            eprintln!("NOT TESTED with a real Postfix: it needs {PROGRAM} and root");
            return None;
        }
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        lay_out(folder.path(), port);
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, "sh"]).arg(folder.path()).current_dir("/");
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").stdin(Stdio::piped());
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a shell");
        let guard = child.stdin.take();
        let postfix = Self { folder, port, child, guard };
        let answers = async || tokio::net::TcpStream::connect(("127.0.0.1", port)).await.ok();
        postfix.until("answers", answers).await;
        Some(postfix)
    }

    /// Its address as a relay's URL.
    pub fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.port)
    }

    /// The one mail in the Maildir, once it is there, with the line breaks that it came with. It is taken out.
    pub async fn mail(&self) -> Vec<u8> {
        let inbox = self.folder.path().join("mail/inbox/new");
        let first = async || Some(std::fs::read_dir(&inbox).ok()?.next()?.unwrap().path());
        let path: PathBuf = self.until("delivers", first).await;
        let text = String::from_utf8(std::fs::read(&path).unwrap()).unwrap();
        std::fs::remove_file(path).unwrap();
        // A Maildir holds lines as the machine ends them.
        text.replace('\n', "\r\n").into_bytes()
    }

    async fn until<T>(&self, what: &str, look: impl AsyncFn() -> Option<T>) -> T {
        let mut ticks = tokio::time::interval(Duration::from_millis(20));
        let found = tokio::time::timeout(PATIENCE, async {
            loop {
                ticks.tick().await;
                if let Some(found) = look().await {
                    return found;
                }
            }
        });
        let log = || std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        found.await.unwrap_or_else(|_| panic!("Postfix never {what}:\n{}", log()))
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        self.guard.take();
        let _ = self.child.wait();
    }
}

fn lay_out(folder: &Path, port: u16) {
    let at = folder.display();
    let settings = format!(
        "compatibility_level = 3.6
queue_directory = {at}/queue
data_directory = {at}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = mx.example.tw
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtputf8_enable = yes
alias_maps =
local_recipient_maps =
virtual_mailbox_domains = example.tw
virtual_mailbox_base = {at}/mail
virtual_mailbox_maps = static:inbox/
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
virtual_transport = virtual
maillog_file = /dev/stdout
"
    );
    for name in ["config", "queue", "data", "mail"] {
        std::fs::create_dir(folder.join(name)).unwrap();
    }
    std::fs::write(folder.join("config/main.cf"), settings).unwrap();
    std::fs::write(folder.join("config/master.cf"), format!("{port} {SERVICES}")).unwrap();
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    for (owner, name) in [("postfix", "data"), ("65534:65534", "mail")] {
        assert!(Command::new("chown").arg(owner).arg(folder.join(name)).status().unwrap().success());
    }
}
