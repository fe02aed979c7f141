//! Owns a PostgreSQL server of this test process alone; knows nothing of what is stored in it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// Starts a server in `$1`, says so, and stops it when its standard input ends: that is, when this process ends,
/// in whatever way.
const SCRIPT: &str = r#"
set -e
trap '' INT TERM
mkdir "$1"
initdb -D "$1/data" -A trust -U postgres --no-sync -E UTF8 --locale=C >"$1/log"
pg_ctl -D "$1/data" -w -l "$1/log" -o "-c listen_addresses='' -c unix_socket_directories='$1' -c fsync=off \
    -c max_connections=300 -c synchronous_commit=off" start >/dev/null
echo ready
cat >/dev/null || true
pg_ctl -D "$1/data" -m immediate stop >/dev/null
rm -rf "$1"
"#;

struct Server {
    folder: String,
    _guard: (Child, ChildStdin),
}

static SERVER: OnceLock<Option<Server>> = OnceLock::new();
static DATABASES: AtomicU32 = AtomicU32::new(0);

/// The URL of a new, empty database; `None` (said aloud) on a machine without PostgreSQL.
pub async fn database() -> Option<String> {
    let server = SERVER.get_or_init(start).as_ref()?;
    let host = server.folder.replace('/', "%2F");
    let name = format!("case{}", DATABASES.fetch_add(1, Ordering::Relaxed));
    let (client, connection) =
        tokio_postgres::connect(&format!("postgres://postgres@{host}/postgres"), tokio_postgres::NoTls)
            .await
            .expect("the server that was just started");
    tokio::spawn(connection);
    client.batch_execute(&format!("CREATE DATABASE {name}")).await.expect("a new database");
    Some(format!("postgres://postgres@{host}/{name}"))
}

fn start() -> Option<Server> {
    let Some(bin) = binaries() else {
        eprintln!("NO POSTGRESQL ON THIS MACHINE: its half of the suite is not run");
        return None;
    };
    let folder = format!("{}/replenish-pg-{}", std::env::temp_dir().display(), std::process::id());
    let mut command = as_nobody_else();
    command
        .args(["sh", "-c", SCRIPT, "sh", &folder])
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    command.env("PATH", format!("{bin}:/usr/bin:/bin")).stderr(Stdio::null());
    let mut child = command.spawn().expect("a shell");
    let guard = child.stdin.take().expect("a pipe");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("the server's word");
    assert_eq!(line, "ready\n", "the server did not start: see {folder}/log");
    Some(Server { folder, _guard: (child, guard) })
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
