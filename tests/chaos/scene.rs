//! Owns the set-ups: what a run consists of, where it can be cut, and its certain end; does nothing to it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio_postgres::config::Host;

use crate::children::Children;
use crate::diary::{Diary, Entry, Line, Struck, Watch};
use crate::disk::Disk;
use crate::house::House;
use crate::ledger::Ledger;
use crate::peers::Peers;
use crate::postgres;
use crate::proxy::{Place, Proxy};
use crate::redis::Redis;
use crate::run::DEADLINE;
use crate::shop::{self, JOBS, Ways};

/// How often progress is looked at.
const LOOK: Duration = Duration::from_millis(5);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setup {
    /// One process, SQLite, no queue beside the ledger.
    Embedded,
    /// Two planners and three workers over PostgreSQL and Redis.
    Fleet,
}

impl Setup {
    pub const ALL: [Setup; 2] = [Setup::Embedded, Setup::Fleet];

    pub fn as_str(self) -> &'static str {
        match self {
            Setup::Embedded => "embedded",
            Setup::Fleet => "fleet",
        }
    }

    pub fn roles(self) -> &'static [&'static str] {
        match self {
            Setup::Embedded => &["all"],
            Setup::Fleet => &["planner", "planner", "worker", "worker", "worker"],
        }
    }

    /// What it needs and this machine has not.
    pub fn lacks(self) -> Option<&'static str> {
        let has_redis = || Command::new("redis-server").arg("--version").output().is_ok();
        match self {
            Setup::Fleet if !has_redis() => Some("redis-server"),
            Setup::Fleet if Handle::current().block_on(postgres::database()).is_none() => Some("PostgreSQL"),
            _ => None,
        }
    }
}

/// Everything that a run consists of. What is declared first ends first.
pub struct Scene {
    pub children: Children,
    /// Under the embedded ledger, where this process may mount one.
    pub disk: Option<Disk>,
    lines: BTreeMap<Line, Proxy>,
    /// Only the fleet's.
    pub redis: Option<Mutex<Redis>>,
    pub peers: Peers,
    pub ledger: Ledger,
    pub diary: Arc<Diary>,
    pub watch: Watch,
    pub house: Arc<House>,
}

/// What lies between a house and its ledger and queue.
struct Engines {
    settings: String,
    redis: Option<Redis>,
    /// The fleet's ledger.
    database: Option<String>,
    concurrency: usize,
}

impl Scene {
    /// Members and early orders are in, and every process is started.
    pub async fn open(setup: Setup, resend: bool) -> Self {
        let peers = Peers::start().await;
        let mut lines = BTreeMap::from([
            (Line::Hook, Proxy::to(Place::Tcp(peers.hook))),
            (Line::Mail, Proxy::to(Place::Tcp(peers.mail))),
        ]);
        let engines = match setup {
            Setup::Embedded => Engines::embedded(),
            Setup::Fleet => Engines::fleet(&mut lines).await,
        };
        let (hook, mail) = (lines[&Line::Hook].port, lines[&Line::Mail].port);
        let Engines { settings, redis, database, concurrency } = engines;
        let house = Arc::new(shop::open(&Ways { hook, mail, engines: settings, concurrency, resend }));
        let data = house.path("var");
        let disk = if setup == Setup::Embedded { Disk::mount(&data) } else { None };
        let file = data.join("replenish.db");
        let ledger = database.map_or(Ledger::Sqlite(file), Ledger::Postgres);
        let filled = house.clone();
        tokio::task::spawn_blocking(move || fill(&filled)).await.expect("the first orders");
        let (watch, diary) = (Watch::start(), Arc::<Diary>::default());
        let children = Children::start(setup.roles(), &house, watch, &diary);
        let redis = redis.map(Mutex::new);
        Self { children, disk, lines, redis, peers, ledger, diary, watch, house }
    }

    /// The way there; a set-up is never asked for one that it has not.
    pub fn line(&self, line: Line) -> &Proxy {
        &self.lines[&line]
    }

    /// Until more than this share of all messages has been taken, or for so long.
    pub fn wait_for(&self, share: f64, patience: Duration) {
        self.wait_beyond((share * JOBS as f64) as usize, patience);
    }

    /// Until one more message has been taken, or for so long.
    pub fn wait_for_more(&self, patience: Duration) {
        self.wait_beyond(self.peers.count(), patience);
    }

    fn wait_beyond(&self, count: usize, patience: Duration) {
        let end = self.watch.now() + patience;
        while self.peers.count() <= count && self.watch.now() < end {
            std::thread::sleep(LOOK);
        }
    }

    /// Does something, and notes when.
    pub fn during(&self, struck: Struck, does: impl FnOnce() -> String) {
        let from = self.watch.now();
        let words = does();
        self.diary.note(Entry { from, until: self.watch.now(), struck, words });
    }

    /// Runs a command and kills it soon: its user then runs it again.
    pub fn break_off(&self, args: &[&str], after: Duration) {
        self.during(Struck::Command, || {
            let mut child = self
                .house
                .command(args)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("the program");
            std::thread::sleep(after);
            let _ = child.kill();
            let _ = child.wait();
            format!("kill -9 {}", args.join(" "))
        });
    }

    /// Runs a command until it succeeds, as its user would; when it had. None when it never does.
    pub fn insist(&self, args: &[&str]) -> Option<Duration> {
        while self.watch.now() < DEADLINE {
            if self.house.run(args).code == 0 {
                return Some(self.watch.now());
            }
        }
        self.during(Struck::Nobody, || format!("{args:?} does not succeed"));
        None
    }

    /// Copies what a person wants to look into, the ledger of a fleet left out; to where. Nothing runs any more.
    pub fn keep(&self, name: &str) -> PathBuf {
        let kept = std::env::temp_dir().join(format!("replenish-chaos-{name}"));
        let _ = std::fs::remove_dir_all(&kept);
        let copied = Command::new("cp").arg("-r").args([self.house.path(""), kept.clone()]).status();
        assert!(copied.is_ok_and(|done| done.success()), "{} cannot be written", kept.display());
        kept
    }
}

impl Engines {
    fn embedded() -> Self {
        Self { settings: "[queue]\n".to_owned(), redis: None, database: None, concurrency: 32 }
    }

    async fn fleet(lines: &mut BTreeMap<Line, Proxy>) -> Self {
        let database = postgres::database().await.expect("asked for before");
        let config: tokio_postgres::Config = database.parse().expect("the server's address");
        let [Host::Unix(folder)] = config.get_hosts() else { panic!("{database} is no socket") };
        let server = Proxy::to(Place::Unix(folder.join(".s.PGSQL.5432")));
        let name = config.get_dbname().expect("a database");
        let redis = Redis::start();
        let queue = Proxy::to(Place::Tcp(redis.port));
        let settings = format!(
            "[store]\nurl = \"postgres://postgres@127.0.0.1:{}/{name}\"\n[queue]\nurl = \"redis://127.0.0.1:{}\"\n",
            server.port, queue.port
        );
        lines.extend([(Line::Postgres, server), (Line::Redis, queue)]);
        Self { settings, redis: Some(redis), database: Some(database), concurrency: 16 }
    }
}

fn fill(house: &House) {
    for (kind, file) in [("members", "members.csv"), ("orders", "early.csv")] {
        house.json(&["import", kind, file]);
    }
}
