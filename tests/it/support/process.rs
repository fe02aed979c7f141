//! A `replenish run` that a test started: its log, its HTTP face, the signals it gets; killed with its last user.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::house::House;
use super::redis::free_port;

pub struct Process {
    child: Child,
    base: String,
    log: PathBuf,
}

impl Process {
    /// Starts it, and does not wait.
    pub fn start(house: &House, args: &[&str]) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let port = free_port();
        let log = house.path(&format!("log-{port}"));
        let mut command = house.command(&[&["run"], args].concat());
        command.env("REPLENISH__HTTP__LISTEN", format!("127.0.0.1:{port}"));
        let child = command.stdout(Stdio::null()).stderr(File::create(&log).unwrap()).spawn().unwrap();
        Self { child, base: format!("http://127.0.0.1:{port}"), log }
    }

    /// Starts it and waits until it is ready.
    pub async fn ready(house: &House, args: &[&str]) -> Self {
        let process = Self::start(house, args);
        let is_ready = async || {
            let answer = reqwest::get(format!("{}/readyz", process.base)).await;
            answer.is_ok_and(|answer| answer.status() == 200)
        };
        eventually(&format!("it is ready: {args:?}"), is_ready).await;
        process
    }

    /// What stands at a path of its HTTP face.
    pub async fn text(&self, path: &str) -> String {
        reqwest::get(format!("{}{path}", self.base)).await.unwrap().text().await.unwrap()
    }

    /// A form posted to a path: the status, and what is said.
    pub async fn post(&self, path: &str, form: &'static str) -> (u16, String) {
        let request = reqwest::Client::new().post(format!("{}{path}", self.base)).body(form);
        let answer =
            request.header("content-type", "application/x-www-form-urlencoded").send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// The figure of this line of /metrics; zero while there is none.
    pub async fn measure(&self, name: &str) -> u64 {
        let metrics = self.text("/metrics").await;
        let figure = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        figure.map_or(0, |figure| figure.parse().unwrap())
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    pub fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(std::process::Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Waits for it to end by itself.
    pub fn wait(&mut self) -> ExitStatus {
        tokio::task::block_in_place(|| self.child.wait()).unwrap()
    }

    /// Asks it to end, and waits until all is drained.
    pub fn end(mut self) {
        self.signal("-TERM");
        assert!(self.wait().success(), "{}", self.log());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Looks again and again, for a minute at most.
pub async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so().await {
        assert!(Instant::now() < deadline, "in time: {what}");
        tokio::task::yield_now().await;
    }
}
