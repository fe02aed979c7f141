//! A shop's folder on disk and the program run in it, as its users run it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::receiver::{Receiver, SECRET};

pub const RULE: &str = r#"
[[rule]]
id = "refill"
kind = "reminder"
per = "category"
needs = { purchases = 2 }
send = { before = "5d", time = "10:00-12:00" }
channel = "crm"
"#;

/// A folder with settings and rules; everything the program writes stays in it.
pub struct House {
    folder: TempDir,
}

/// How a command ended.
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    /// Every line of the output as JSON.
    pub fn json(&self) -> Vec<Value> {
        let parse =
            |line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e} in {line:?}; {}", self.err));
        self.out.lines().map(parse).collect()
    }

    /// The one JSON object of the output.
    pub fn one(&self) -> Value {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        let lines = self.json();
        assert_eq!(lines.len(), 1, "{}", self.out);
        lines[0].clone()
    }
}

impl House {
    /// Settings with one webhook channel, the embedded ledger, and the rules given.
    pub fn with(receiver: &Receiver, rules: &str, more: &str) -> Self {
        let settings = format!(
            r#"timezone = "Asia/Taipei"
{more}
[channel.crm]
url = "{}"
secret = {{ env = "CRM_SECRET" }}
allow_private_network = true
"#,
            receiver.url()
        );
        Self::of(&settings, rules)
    }

    /// These settings and rules.
    pub fn of(settings: &str, rules: &str) -> Self {
        let house = Self { folder: tempfile::tempdir().unwrap() };
        house.write("replenish.toml", settings);
        house.write("rules/rules.toml", rules);
        house
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The program with these arguments, its settings from this folder.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_replenish"));
        command.arg("--config").arg(self.path("replenish.toml")).args(args);
        command.env("CRM_SECRET", SECRET).env("LANG", "C").env_remove("LC_ALL").env_remove("RUST_LOG");
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    /// Runs to the end. Not for the thread of a single-threaded runtime that the program needs an answer from.
    pub fn run(&self, args: &[&str]) -> Ran {
        ran(self.command(args).output().unwrap())
    }

    pub fn json(&self, args: &[&str]) -> Value {
        self.run(&[args, &["--json"]].concat()).one()
    }

    pub fn lines(&self, args: &[&str]) -> Vec<Value> {
        let ran = self.run(&[args, &["--json"]].concat());
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
        ran.json()
    }
}

pub fn ran(output: Output) -> Ran {
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The shared real histories, when they are there; says loudly when not.
pub fn real_history(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("NOT TESTED on real orders: {} is not there", path.display());
    None
}

/// Orders of some members with their own rhythms, as CSV: enough for every assertion to bite.
pub fn orders(members: usize, seed: u64) -> String {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut rows = Vec::new();
    for member in 0..members {
        for category in ["coffee", "tea", "pets"] {
            let rhythm = random.f64() * 30.0 + 15.0;
            let mut day = random.f64() * 20.0;
            while day < 150.0 {
                let date = chrono::NaiveDate::from_ymd_opt(2026, 1, 1).unwrap()
                    + chrono::TimeDelta::days(day as i64);
                rows.push(format!("{date},m{member:04},{category}-1,{category},{}", random.u32(1..4)));
                day += rhythm * (0.7 + 0.6 * random.f64());
            }
        }
    }
    rows.sort();
    let lines = rows.iter().map(|row| {
        let (date, rest) = row.split_once(',').unwrap();
        let member = rest.split(',').next().unwrap();
        let (_, rest) = rest.split_once(',').unwrap();
        let mut cells = rest.split(',');
        let (product, category, quantity) =
            (cells.next().unwrap(), cells.next().unwrap(), cells.next().unwrap());
        format!("{date}-{member},{member},{product},{category},{date},{quantity}\n")
    });
    std::iter::once("order_id,member_id,product_id,category,ordered_at,quantity\n".to_owned())
        .chain(lines)
        .collect()
}
