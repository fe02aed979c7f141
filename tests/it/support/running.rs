//! The program as a daemon with an HTTP face on a port of its own; killed with its last user.

use std::process::{Child, Stdio};
use std::time::Duration;

use super::house::House;
use super::redis::free_port;

pub struct Running {
    child: Child,
    port: u16,
}

impl Running {
    pub fn start(house: &House, args: &[&str]) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let port = free_port();
        let mut command = house.command(&[&["run"], args].concat());
        command.env("REPLENISH__HTTP__LISTEN", format!("127.0.0.1:{port}"));
        let log = house.write(&format!("log-{port}"), "");
        let log = std::fs::File::options().append(true).open(log).unwrap();
        Self { child: command.stdout(Stdio::null()).stderr(log).spawn().unwrap(), port }
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The status and the body of one answer; nothing while nobody listens.
    pub async fn get(&self, path: &str) -> Option<(u16, String)> {
        let answer = reqwest::get(format!("http://127.0.0.1:{}{path}", self.port)).await.ok()?;
        Some((answer.status().as_u16(), answer.text().await.ok()?))
    }

    /// Waits until `/readyz` answers so.
    pub async fn until_ready(&self, is_ready: bool, within: Duration) {
        let wanted = if is_ready { 200 } else { 503 };
        let mut last = None;
        let answered = async {
            while last.as_ref().map(|(status, _)| *status) != Some(wanted) {
                last = self.get("/readyz").await;
                tokio::task::yield_now().await;
            }
        };
        let in_time = tokio::time::timeout(within, answered).await.is_ok();
        assert!(in_time, "ready: {is_ready}, within {within:?}; the last answer was {last:?}");
    }

    /// The sum of a metric over its labels, of those lines only that hold `label`.
    pub async fn metric(&self, name: &str, label: &str) -> f64 {
        let Some((_, text)) = self.get("/metrics").await else { return 0.0 };
        let mine = text.lines().filter(|line| line.starts_with(name) && line.contains(label));
        mine.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    pub fn signal(&self, signal: &str) {
        let pid = self.id().to_string();
        assert!(std::process::Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Asks it to drain; whether it ended well.
    pub fn end(mut self) -> bool {
        self.signal("-TERM");
        self.child.wait().unwrap().success()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
