//! The run lock of a daemon on PostgreSQL: cut, it is taken again and deliveries go on; taken by another, the daemon ends.

use tokio_postgres::{Client, NoTls};

use crate::support::house::{House, RULE, orders};
use crate::support::postgres;
use crate::support::receiver::Receiver;
use crate::support::running::{LONG, Running, eventually};

const NOON: &str = "2026-05-20T10:00:00+08:00";
/// The advisory lock of a run, and who holds it.
const RUN_LOCK: i64 = 0x7265_706c_656e_6901;
const HOLDER: &str = "SELECT l.pid FROM pg_locks l JOIN pg_database d ON d.oid = l.database \
    WHERE d.datname = $1 AND l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 \
    AND (l.classid::bigint << 32 | l.objid::bigint) = $2";

/// A shop on a PostgreSQL of its own, its daemon at work, and a session beside them.
struct Scene {
    receiver: Receiver,
    house: House,
    daemon: Running,
    store: String,
    name: String,
    beside: Client,
}

async fn session(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

impl Scene {
    async fn set() -> Option<Self> {
        let store = postgres::database().await?;
        let (server, name) =
            store.rsplit_once('/').map(|(server, name)| (server.to_owned(), name.to_owned())).unwrap();
        let receiver = Receiver::start().await;
        let house = House::with(&receiver, RULE, &format!("[store]\nurl = \"{store}\"\n"));
        house.write("orders.csv", &orders(60, 7));
        tokio::task::block_in_place(|| house.json(&["import", "orders", "orders.csv"]));
        let beside = session(&format!("{server}/postgres")).await;
        let daemon = Running::start(&house, &["--now", NOON]);
        let scene = Self { receiver, house, daemon, store, name, beside };
        scene.receiver.until(1).await;
        scene.daemon.until_ready(true, LONG).await;
        Some(scene)
    }

    async fn holder(&self) -> Option<i32> {
        self.beside.query_opt(HOLDER, &[&self.name, &RUN_LOCK]).await.unwrap().map(|row| row.get(0))
    }

    async fn cut(&self, pid: i32) {
        assert!(
            self.beside
                .query_one("SELECT pg_terminate_backend($1)", &[&pid])
                .await
                .unwrap()
                .get::<_, bool>(0)
        );
    }

    /// News for members whom nobody has written to: the daemon plans, assembles and delivers.
    async fn deliveries_go_on(&self) {
        let before = self.receiver.seen().len();
        let later = orders(120, 7);
        self.house.write("more.csv", &later);
        tokio::task::block_in_place(|| self.house.json(&["import", "orders", "more.csv"]));
        self.receiver.until(before + 1).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_whose_session_is_cut_is_taken_again() {
    let Some(scene) = Scene::set().await else { return };
    let first = scene.holder().await.unwrap();
    scene.cut(first).await;
    let again = async || scene.holder().await.is_some_and(|pid| pid != first);
    eventually("taken again", again).await;
    scene.daemon.until_ready(true, LONG).await;
    scene.deliveries_go_on().await;
    let log = scene.daemon.log();
    assert!(log.contains("run lock is lost") && log.contains("works again"), "{log}");
    assert!(scene.receiver.ids().values().all(|n| *n == 1), "each once");
    scene.daemon.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_server_is_away_it_keeps_trying_and_says_so() {
    let Some(scene) = Scene::set().await else { return };
    let name = &scene.name;
    let allow = |yes: bool| format!("ALTER DATABASE {name} ALLOW_CONNECTIONS {yes}");
    scene.beside.batch_execute(&allow(false)).await.unwrap();
    let all = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1";
    scene.beside.query(all, &[name]).await.unwrap();
    let told =
        async || scene.daemon.get("/readyz").await.is_some_and(|(_, told)| told.contains("run lock is lost"));
    eventually("readiness says so", told).await;
    assert_eq!(scene.holder().await, None);
    scene.beside.batch_execute(&allow(true)).await.unwrap();
    scene.daemon.until_ready(true, LONG).await;
    assert!(scene.holder().await.is_some());
    scene.deliveries_go_on().await;
    assert!(scene.receiver.ids().values().all(|n| *n == 1), "each once");
    scene.daemon.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_whose_lock_another_holds_now_ends() {
    let Some(mut scene) = Scene::set().await else { return };
    let first = scene.holder().await.unwrap();
    let other = session(&scene.store).await;
    let waiting = tokio::spawn(async move {
        other.batch_execute(&format!("SELECT pg_advisory_lock({RUN_LOCK})")).await.unwrap();
        other
    });
    let in_line = "SELECT 1 FROM pg_locks l JOIN pg_database d ON d.oid = l.database \
        WHERE d.datname = $1 AND l.locktype = 'advisory' AND NOT l.granted";
    let stands = async || scene.beside.query_opt(in_line, &[&scene.name]).await.unwrap().is_some();
    eventually("another stands in line", stands).await;
    scene.cut(first).await;
    let _other = waiting.await.unwrap();
    let code = scene.daemon.wait().code();
    let log = scene.daemon.log();
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("another replenish took this ledger over"), "{log}");
    let ran = tokio::task::block_in_place(|| scene.house.run(&["run", "--once", "--now", NOON]));
    assert!(ran.code == 1 && ran.err.contains("another replenish runs on this ledger"), "{}", ran.err);
}
