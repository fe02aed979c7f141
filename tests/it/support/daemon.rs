//! A running daemon and what is posted to it.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::{Body, Client};
use serde_json::Value;

use super::house::House;
use super::redis::free_port;

/// Killed with its last user.
pub struct Daemon {
    child: Child,
    pub base: String,
    pub client: Client,
    log: PathBuf,
}

impl Daemon {
    /// Starts `run` with these arguments, and waits until it answers.
    pub async fn start(house: &House, args: &[&str], env: &[(&str, &str)]) -> Self {
        // Already installed is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let port = free_port();
        let log = house.path(&format!("log-{port}"));
        let mut command = house.command(&[&["run"], args].concat());
        command.env("REPLENISH__HTTP__LISTEN", format!("127.0.0.1:{port}"));
        command.envs(env.iter().copied()).stdout(Stdio::null()).stderr(File::create(&log).unwrap());
        let client = Client::builder().no_proxy().build().unwrap();
        let child = command.spawn().unwrap();
        let daemon = Self { child, base: format!("http://127.0.0.1:{port}"), client, log };
        let answers = async || daemon.client.get(format!("{}/healthz", daemon.base)).send().await.is_ok();
        eventually("the daemon answers", answers).await;
        daemon
    }

    /// The status and the JSON of the answer.
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

    pub async fn metrics(&self) -> String {
        let answer = self.client.get(format!("{}/metrics", self.base)).send().await.unwrap();
        answer.text().await.unwrap()
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Drains it.
    pub fn end(mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        assert!(tokio::task::block_in_place(|| self.child.wait()).unwrap().success(), "{}", self.log());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until it is so.
pub async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while !is_so().await {
        assert!(Instant::now() < deadline, "in time: {what}");
        tokio::task::yield_now().await;
    }
}
