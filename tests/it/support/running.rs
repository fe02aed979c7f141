//! A `replenish run` that a test started: its log, its HTTP face, the signals it gets; killed with its last user.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use reqwest::{Body, Client};
use serde_json::Value;

use super::house::House;
use super::redis::free_port;

/// Nothing that works takes longer, however busy the machine is.
pub const LONG: Duration = Duration::from_secs(120);

pub struct Running {
    child: Child,
    pub base: String,
    pub client: Client,
    log: PathBuf,
}

impl Running {
    /// Starts it, and does not wait.
    pub fn start(house: &House, args: &[&str]) -> Self {
        Self::start_with(house, args, &[])
    }

    /// The same with these variables in its environment.
    pub fn start_with(house: &House, args: &[&str], env: &[(&str, &str)]) -> Self {
        // Already installed is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let port = free_port();
        let log = house.path(&format!("log-{port}"));
        let mut command = house.command(&[&["run"], args].concat());
        command.env("REPLENISH__HTTP__LISTEN", format!("127.0.0.1:{port}")).envs(env.iter().copied());
        let child = command.stdout(Stdio::null()).stderr(File::create(&log).unwrap()).spawn().unwrap();
        let client = Client::builder().no_proxy().build().unwrap();
        Self { child, base: format!("http://127.0.0.1:{port}"), client, log }
    }

    /// Starts it and waits until it is ready.
    pub async fn ready(house: &House, args: &[&str]) -> Self {
        let running = Self::start(house, args);
        running.until_ready(true, LONG).await;
        running
    }

    /// Waits until it answers at all.
    pub async fn answering(self) -> Self {
        eventually("it answers", async || self.get("/healthz").await.is_some()).await;
        self
    }

    /// Waits until `/readyz` says so.
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

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The status and the body of one answer; nothing while nobody listens.
    pub async fn get(&self, path: &str) -> Option<(u16, String)> {
        let answer = self.client.get(format!("{}{path}", self.base)).send().await.ok()?;
        Some((answer.status().as_u16(), answer.text().await.ok()?))
    }

    /// What stands at a path.
    pub async fn text(&self, path: &str) -> String {
        self.get(path).await.unwrap().1
    }

    /// What `/readyz` tells; nothing while nobody listens.
    pub async fn readiness(&self) -> Option<Value> {
        serde_json::from_str(&self.get("/readyz").await?.1).ok()
    }

    /// True when `/metrics` holds this line.
    pub async fn measures(&self, line: &str) -> bool {
        self.get("/metrics").await.is_some_and(|(_, text)| text.lines().any(|l| l == line))
    }

    /// The sum of a metric over its labels, of those lines only that hold `label`.
    pub async fn metric(&self, name: &str, label: &str) -> u64 {
        let Some((_, text)) = self.get("/metrics").await else { return 0 };
        let mine = text.lines().filter(|line| line.starts_with(name) && line.contains(label));
        mine.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
    }

    /// The status and the JSON of the answer; text where it is none.
    pub async fn post(&self, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> (u16, Value) {
        let mut request = self.client.post(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.body(body).send().await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// The status and the page that follow a form.
    pub async fn submit(&self, path: &str, form: &str) -> (u16, String) {
        let request = self.client.post(format!("{}{path}", self.base)).body(form.to_owned());
        let answer =
            request.header("content-type", "application/x-www-form-urlencoded").send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    pub fn signal(&self, signal: &str) {
        let pid = self.id().to_string();
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

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Looks again and again until it is so.
pub async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + LONG;
    while !is_so().await {
        assert!(Instant::now() < deadline, "in time: {what}");
        tokio::task::yield_now().await;
    }
}
