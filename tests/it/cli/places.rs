//! Where settings come from and where things lie: the environment wins, and relative paths hang on the settings file.

use super::{NOW, ORDERS, RULES, SETTINGS, Shop, TEMPLATE, assert_refused, end, program};
use crate::support::receiver::SECRET;

#[test]
fn the_environment_overrides_the_store_and_a_channel() {
    let shop = Shop::new();
    let with = |name: &str, value: &str, args: &[&str]| {
        let mut command = shop.command(args);
        command.env(name, value);
        end(command)
    };
    let before = shop.held();
    let other = "sqlite:other/ledger.db";
    let asked = with("REPLENISH__STORE__URL", other, &["forecast", "--member", "m1"]);
    assert_refused(&asked, 1, &["forecast"], &["no member `m1` is known"]);
    let import = with("REPLENISH__STORE__URL", other, &["import", "orders", "orders.csv", "--json"]);
    assert_eq!(import.one()["stored"], 4);
    assert!(shop.path("other/ledger.db").exists(), "beside the settings file");
    assert_eq!(shop.held(), before);

    // The file's hook is on this machine, the override's is not: only the latter forbids another clock.
    let url = "REPLENISH__CHANNEL__CRM__URL";
    let refused = with(url, "https://crm.shop.example/hook", &["run", "--once", "--now", NOW]);
    assert_refused(&refused, 1, &["run"], &["--force-now"]);
    let check = with(url, "not an address", &["check"]);
    assert_refused(&check, 78, &["check"], &["REPLENISH__CHANNEL__CRM__URL", "help: "]);
    assert_eq!(with("REPLENISH__TIMEZONE", "Mars/Olympus", &["check"]).code, 78);
    assert_eq!(shop.held(), before);
    assert_eq!(shop.json(&["run", "--once", "--now", NOW])["planned"], 1);
}

#[test]
fn an_override_that_names_no_setting_is_told() {
    let shop = Shop::new();
    let mut command = shop.command(&["check"]);
    command.env("REPLENISH__STROE__URL", "sqlite:x.db");
    assert_refused(&end(command), 78, &["check"], &["REPLENISH__STROE__URL"]);
}

#[test]
fn relative_paths_hang_on_the_settings_file_wherever_one_stands() {
    let shop = Shop::unfurnished();
    shop.write("home/config/replenish.toml", SETTINGS);
    shop.write("home/config/rules/rules.toml", RULES);
    shop.write("home/config/templates/refill.jinja", TEMPLATE);
    shop.write("away/orders.csv", ORDERS);
    let run = |folder: &str, args: &[&str]| {
        let mut command = program(args, &shop.path(folder));
        command.env("CRM_SECRET", SECRET);
        end(command)
    };
    let config = ["--config", "../home/config/replenish.toml"];
    let away = |args: &[&str]| run("away", &[&config, args].concat());
    assert_eq!(away(&["import", "orders", "orders.csv", "--json"]).one()["stored"], 4);
    assert_eq!(away(&["run", "--once", "--now", NOW, "--json"]).one()["planned"], 1);
    assert!(shop.path("home/config/var/replenish.db").exists());
    let left: Vec<_> =
        std::fs::read_dir(shop.path("away")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["orders.csv"], "nothing is written where one stands");
    // Without --config, the settings are looked for in config/.
    let jobs = run("home", &["jobs", "list", "--json"]);
    assert_eq!(jobs.one()["member"], "m1");
}
