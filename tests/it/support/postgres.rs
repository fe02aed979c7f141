//! Owns a PostgreSQL server of this test process alone, and others that may die; knows nothing of what is stored in them.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// Starts a server in `$1` with the settings `$2`, says so, and stops or starts it when told; ends it for good when its
/// standard input ends: that is, when this process ends, in whatever way.
const SCRIPT: &str = r#"
set -e
trap '' INT TERM
mkdir "$1"
initdb -D "$1/data" -A trust -U postgres --no-sync -E UTF8 --locale=C >"$1/log"
serve() {
    pg_ctl -D "$1/data" -w -l "$1/log" -o "-c listen_addresses='' -c unix_socket_directories='$1' -c fsync=off \
        -c max_connections=300 $2" start >/dev/null
}
serve "$1" "$2"
echo ready
while read -r word; do
    case $word in
        kill) pg_ctl -D "$1/data" -m immediate stop >/dev/null ;;
        start) serve "$1" "$2" ;;
    esac
    echo ready
done
pg_ctl -D "$1/data" -m immediate stop >/dev/null || true
rm -rf "$1"
"#;

/// A server.
pub struct Server {
    folder: String,
    _child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

static SERVER: OnceLock<Option<Server>> = OnceLock::new();
static SERVERS: AtomicU32 = AtomicU32::new(0);
static DATABASES: AtomicU32 = AtomicU32::new(0);

/// The URL of a new, empty database; `None` (said aloud) on a machine without PostgreSQL.
pub async fn database() -> Option<String> {
    // Nobody kills this one: what it has not flushed yet is safe.
    Some(SERVER.get_or_init(|| Server::start("-c synchronous_commit=off")).as_ref()?.database().await)
}

impl Server {
    /// One that may be killed without losing what it has said is written; `None` without PostgreSQL.
    pub fn own() -> Option<Self> {
        Self::start("")
    }

    fn start(settings: &str) -> Option<Self> {
        let Some(bin) = binaries() else {
            eprintln!("NO POSTGRESQL ON THIS MACHINE: its half of the suite is not run");
            return None;
        };
        let (dir, nth) = (std::env::temp_dir(), SERVERS.fetch_add(1, Ordering::Relaxed));
        let folder = format!("{}/replenish-pg-{}-{nth}", dir.display(), std::process::id());
        let mut command = as_nobody_else();
        command
            .args(["sh", "-c", SCRIPT, "sh", &folder, settings])
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        command.env("PATH", format!("{bin}:/usr/bin:/bin")).stderr(Stdio::null());
        let mut child = command.spawn().expect("a shell");
        let orders = child.stdin.take().expect("a pipe");
        let answers = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut server = Self { folder, _child: child, orders, answers };
        server.is_done();
        Some(server)
    }

    /// The URL of a new, empty database.
    pub async fn database(&self) -> String {
        let host = self.folder.replace('/', "%2F");
        let name = format!("case{}", DATABASES.fetch_add(1, Ordering::Relaxed));
        let (client, connection) =
            tokio_postgres::connect(&format!("postgres://postgres@{host}/postgres"), tokio_postgres::NoTls)
                .await
                .expect("the server that was just started");
        tokio::spawn(connection);
        client.batch_execute(&format!("CREATE DATABASE {name}")).await.expect("a new database");
        format!("postgres://postgres@{host}/{name}")
    }

    /// Stops it at once, as a crash would.
    pub fn kill(&mut self) {
        self.tell("kill");
    }

    /// Starts it again after [`Server::kill`].
    pub fn start_again(&mut self) {
        self.tell("start");
    }

    fn tell(&mut self, word: &str) {
        writeln!(self.orders, "{word}").expect("the shell listens");
        self.is_done();
    }

    fn is_done(&mut self) {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("the server's word");
        assert_eq!(line, "ready\n", "the server did not obey: see {}/log", self.folder);
    }
}

/// The server refuses to run as root.
fn as_nobody_else() -> Command {
    let root = Command::new("id").arg("-u").output().is_ok_and(|o| o.stdout == b"0\n");
    let mut command = Command::new(if root { "setpriv" } else { "env" });
    if root {
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
    }
    command
}

fn binaries() -> Option<String> {
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<_> = installed.map(|e| e.path().join("bin")).collect();
    folders.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    let found =
        folders.into_iter().find(|f| ["initdb", "pg_ctl"].iter().all(|b| Path::new(f).join(b).exists()));
    found.map(|f| f.display().to_string())
}
