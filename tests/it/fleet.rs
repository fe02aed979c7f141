//! A fleet: planner and workers side by side over PostgreSQL and Redis.

use std::process::{Child, Stdio};

use crate::support::house::{House, RULE, orders};
use crate::support::postgres;
use crate::support::receiver::Receiver;
use crate::support::redis::{Redis, free_port};

const NOON: &str = "2026-05-20T10:00:00+08:00";

/// A process of one role, with an HTTP face of its own; killed with its last user.
struct Member(Child);

impl Member {
    fn start(house: &House, role: &str) -> Self {
        let mut command = house.command(&["run", "--role", role, "--now", NOON]);
        command.env("REPLENISH__HTTP__LISTEN", format!("127.0.0.1:{}", free_port()));
        Self(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }

    fn signal(&self, signal: &str) {
        let pid = self.0.id().to_string();
        assert!(std::process::Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    fn end(mut self) -> bool {
        self.signal("-TERM");
        self.0.wait().unwrap().success()
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn fleet(receiver: &Receiver, redis: &Redis) -> House {
    let store = postgres::database().await.expect("PostgreSQL is installed");
    let more = format!("[store]\nurl = \"{store}\"\n[queue]\nurl = \"{}\"\nconcurrency = 8\n", redis.url());
    let house = House::with(receiver, RULE, &more);
    house.write("orders.csv", &orders(120, 7));
    house.json(&["import", "orders", "orders.csv"]);
    house
}

/// What one process alone comes to, on its own ledger.
async fn expected() -> usize {
    let receiver = Receiver::start().await;
    let house = House::with(&receiver, RULE, "");
    house.write("orders.csv", &orders(120, 7));
    house.json(&["import", "orders", "orders.csv"]);
    house.json(&["run", "--once", "--now", NOON])["delivered"].as_u64().unwrap() as usize
}

#[tokio::test(flavor = "multi_thread")]
async fn two_planners_and_two_workers_deliver_each_job_once() {
    let (receiver, redis) = (Receiver::start().await, Redis::start());
    let house = fleet(&receiver, &redis).await;
    let all = expected().await;
    let members = ["planner", "planner", "worker", "worker"].map(|role| Member::start(&house, role));
    receiver.until(all).await;
    assert!(members.into_iter().all(Member::end), "every role drains on SIGTERM");
    assert_eq!(receiver.ids().len(), all);
    assert!(receiver.ids().values().all(|n| *n == 1));
    assert_eq!(house.lines(&["jobs", "list", "--state", "delivered"]).len(), all);
}
