//! Owns the shop of a run: its members, orders, rules and settings, and what must be sent; knows nothing of faults.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;

use crate::diary::BEGIN;
use crate::house::House;
use crate::peers::Peers;

/// Members; each is due for coffee, by webhook, and for tea, by mail.
pub const MEMBERS: usize = 1_000;
/// How many of them order before the run; the others follow in waves.
pub const EARLY: usize = 250;
/// Messages that are due in a run.
pub const JOBS: usize = 2 * MEMBERS;
/// Peers answer within this time, in seconds, or count as silent.
pub const TIMEOUT: u64 = 2;
/// The shortest lease that these peers allow, in seconds.
pub const LEASE: u64 = 2 * TIMEOUT;

const RULES: &str = r#"
[[rule]]
id = "coffee"
kind = "reminder"
about = { category = ["coffee"] }
per = "category"
needs = { purchases = 2 }
send = { before = "5d" }
channel = "crm"

[[rule]]
id = "tea"
kind = "reminder"
about = { category = ["tea"] }
per = "category"
needs = { purchases = 2 }
send = { before = "5d", time = "10:00-12:00" }
channel = "email"
template = "tea"
"#;
const TEMPLATE: &str =
    "{% block subject %}Tea{% endblock %}\n{% block text %}{{ unsubscribe_url }}{% endblock %}\n";
const DAYS: [&str; 4] = ["2025-01-01", "2025-01-31", "2025-03-02", "2025-04-01"];

/// Which message: the member and the rule.
pub type Message = (String, String);

/// Every message that must be sent, by its job's id: the same in every house.
pub type Expected = BTreeMap<String, Message>;

/// Where the parts of a shop are.
pub struct Ways {
    pub hook: u16,
    pub mail: u16,
    /// `[store]` and `[queue] url`; nothing for the embedded ones.
    pub engines: String,
    pub concurrency: usize,
    pub resend: bool,
}

/// A house with every member known, and the orders of the early ones.
pub fn open(ways: &Ways) -> House {
    let Ways { hook, mail, engines, concurrency, resend } = ways;
    let on_uncertain = if *resend { "resend" } else { "hold" };
    let settings = format!(
        r#"timezone = "Asia/Taipei"
{engines}concurrency = {concurrency}
grace = "5s"
lease = "{LEASE}s"
[retry]
attempts = 1000
first = "1s"
factor = 1.0
longest = "1s"
[channel.crm]
url = "http://127.0.0.1:{hook}/hook"
secret = {{ env = "CRM_SECRET" }}
allow_private_network = true
timeout = "{TIMEOUT}s"
[channel.email]
from = "Shop <hello@shop.example>"
on_uncertain = "{on_uncertain}"
timeout = "{TIMEOUT}s"
[[channel.email.relay]]
url = "smtp://127.0.0.1:{mail}"
"#
    );
    let house = House::of(&settings, RULES);
    house.write("templates/tea.jinja", TEMPLATE);
    let people = (0..MEMBERS).map(|m| format!("{},{}@members.example,reminder\n", id(m), id(m)));
    house.write("members.csv", &("member_id,email,consent\n".to_owned() + &people.collect::<String>()));
    house.write("early.csv", &orders(0..EARLY));
    house
}

/// The past of these members.
pub fn orders(members: Range<usize>) -> String {
    let lines = members.flat_map(|m| DAYS.map(|day| order(day, m, "coffee") + &order(day, m, "tea")));
    header() + &lines.collect::<String>()
}

/// These members buy coffee today.
pub fn purchases(members: &[usize]) -> String {
    header() + &members.iter().map(|m| order(&BEGIN[..10], *m, "coffee")).collect::<String>()
}

fn header() -> String {
    "order_id,member_id,product_id,category,ordered_at,quantity\n".to_owned()
}

fn order(day: &str, member: usize, category: &str) -> String {
    let mut line = String::new();
    writeln!(line, "{day}-{member}-{category},{},{category}-1,{category},{day},1", id(member)).unwrap();
    line
}

pub fn id(member: usize) -> String {
    format!("m{member:04}")
}

/// What the same orders come to in a house without faults: each message by its job's id.
pub async fn expected() -> Expected {
    let peers = Peers::start().await;
    let engines = "[queue]\n".to_owned();
    let house = open(&Ways { hook: peers.hook, mail: peers.mail, engines, concurrency: 256, resend: false });
    house.write("late.csv", &orders(EARLY..MEMBERS));
    let ask = move || {
        house.json(&["import", "members", "members.csv"]);
        house.json(&["import", "orders", "early.csv"]);
        house.json(&["import", "orders", "late.csv"]);
        let pass = house.json(&["run", "--once", "--now", "2025-04-30T10:00:30+08:00"]);
        assert_eq!(pass["delivered"], JOBS, "{pass}");
        let lines = house.lines(&["jobs", "list", "--state", "delivered"]);
        let text = |line: &serde_json::Value, key: &str| line[key].as_str().unwrap().to_owned();
        lines.iter().map(|line| (text(line, "id"), (text(line, "member"), text(line, "rule")))).collect()
    };
    tokio::task::spawn_blocking(ask).await.unwrap()
}
