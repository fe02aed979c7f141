//! The command line as people and scripts meet it: the real program, in folders of its own, always bounded in time.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::house::{Ran, ran};
use crate::support::receiver::SECRET;

mod asks;
mod bounces;
mod connect;
mod demo;
mod doubts;
mod explained;
mod faces;
mod intake;
mod keeping;
mod keys;
mod pauses;
mod places;
mod readme;
mod send_test;
mod settings;
mod told;

/// Its lines are counted by tests: a change moves them.
const SETTINGS: &str = r#"timezone = "Asia/Taipei"
[store]
url = "sqlite:var/replenish.db"
[queue]
url = "ledger:"
[channel.crm]
url = "http://127.0.0.1:9/hook"
secret = { env = "CRM_SECRET" }
allow_private_network = true
[channel.email]
from = "Shop <hello@shop.example>"
[[channel.email.relay]]
url = "file:var/outbox"
"#;

const RULES: &str = r#"[[rule]]
id = "refill"
kind = "reminder"
per = "category"
needs = { purchases = 2 }
send = { before = "5d", time = "10:00-12:00" }
channel = "email"
template = "refill"
"#;

const TEMPLATE: &str = "{% block subject %}Soon{% endblock %}
{% block text %}Hello {{ member.name or 'you' }}, {{ unsubscribe_url }}{% endblock %}
";

const HEADER: &str = "order_id,member_id,product_id,category,ordered_at,quantity\n";

const ORDERS: &str = "order_id,member_id,product_id,category,ordered_at,quantity
o1,m1,beans,coffee,2025-01-01,1
o2,m1,beans,coffee,2025-01-31,1
o3,m1,beans,coffee,2025-03-02,1
o4,m1,beans,coffee,2025-04-01,1
";

/// The day after the last order.
const NOW: &str = "2025-04-02T10:00";

/// The program itself, killed when it takes longer than anything here may; nothing of the tester's environment but the path.
fn program(args: &[&str], folder: &Path) -> Command {
    let mut command = Command::new("timeout");
    command.args(["-k", "1", "60", env!("CARGO_BIN_EXE_replenish")]).args(args);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.current_dir(folder).stdin(Stdio::null());
    command
}

/// A shop with one member who buys coffee every thirty days, imported.
struct Shop {
    folder: TempDir,
}

impl Shop {
    fn new() -> Self {
        let shop = Self::unfurnished();
        shop.write("replenish.toml", SETTINGS);
        shop.write("rules/rules.toml", RULES);
        shop.write("templates/refill.jinja", TEMPLATE);
        shop.write("orders.csv", ORDERS);
        shop.write("members.csv", "member_id,email,name,consent\nm1,amy@shop.example,Amy,reminder;care\n");
        assert_eq!(shop.json(&["import", "orders", "orders.csv"])["stored"], 4);
        assert_eq!(shop.json(&["import", "members", "members.csv"])["stored"], 0, "known from the orders");
        shop
    }

    fn unfurnished() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// The program in this folder, under these settings.
    fn under(&self, config: &str, args: &[&str]) -> Command {
        let mut command = program(&[&["--config", config], args].concat(), self.folder.path());
        command.env("CRM_SECRET", SECRET);
        command
    }

    fn command(&self, args: &[&str]) -> Command {
        self.under("replenish.toml", args)
    }

    fn run(&self, args: &[&str]) -> Ran {
        end(self.command(args))
    }

    /// Runs with this text on standard input.
    fn fed(&self, input: &[u8], args: &[&str]) -> Ran {
        let mut command = self.command(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        ran(child.wait_with_output().unwrap())
    }

    fn json(&self, args: &[&str]) -> Value {
        self.run(&[args, &["--json"]].concat()).one()
    }

    fn lines(&self, args: &[&str]) -> Vec<Value> {
        let ran = self.run(&[args, &["--json"]].concat());
        assert_eq!(ran.code, 0, "{args:?}: {}{}", ran.out, ran.err);
        ran.json()
    }

    /// What the store holds, as far as commands show it.
    fn held(&self) -> String {
        let import = self.json(&["import", "orders", "orders.csv"]);
        assert_eq!((&import["stored"], &import["replaced"]), (&0.into(), &0.into()), "{import}");
        let forecast = self.lines(&["forecast", "--member", "m1", "--now", NOW]);
        let plan = self.json(&["plan", "--now", NOW]);
        let (jobs, stopped) = (self.lines(&["jobs", "list"]), self.lines(&["suppress", "list"]));
        format!("{} {forecast:?} {plan} {jobs:?} {stopped:?}", import["duplicate"])
    }

    /// Fails with this code, says all of this, and leaves the store as it is.
    fn refuses(&self, code: i32, args: &[&str], says: &[&str]) -> Ran {
        let before = self.held();
        let ran = self.run(args);
        assert_refused(&ran, code, args, says);
        assert_eq!(self.held(), before, "{args:?}");
        ran
    }
}

fn end(mut command: Command) -> Ran {
    ran(command.output().unwrap())
}

fn assert_refused(ran: &Ran, code: i32, case: &[&str], says: &[&str]) {
    assert_eq!(ran.code, code, "{case:?}: {}{}", ran.out, ran.err);
    for piece in says {
        assert!(ran.err.contains(piece), "{case:?} says {piece:?}: {}", ran.err);
    }
}

fn assert_keys(value: &Value, keys: &str) {
    for key in keys.split_whitespace() {
        assert!(value.get(key).is_some(), "{key} in {value}");
    }
}

/// The sub-commands that a help lists.
fn commands_in(help: &str) -> Vec<String> {
    let listed =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names = listed.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names.filter_map(|line| line.split_whitespace().next()).filter(|n| *n != "help").map(Into::into).collect()
}
