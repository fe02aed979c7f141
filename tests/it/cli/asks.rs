//! Questions and acts that lead nowhere or are not allowed: the answer says what to do, and nothing happens.

use std::process::Stdio;

use super::{RULES, SETTINGS, Shop, TEMPLATE, assert_refused, end, program};

#[test]
fn whoever_is_not_known_is_told_so() {
    let shop = Shop::new();
    let cases: [(&[&str], [&str; 2]); 8] = [
        (&["explain", "--member", "nobody"], ["no member `nobody` is known", "look at the spelling"]),
        (&["forecast", "--member", "nobody"], ["no member `nobody` is known", "import"]),
        (&["explain", "--order", "o99"], ["no order `o99` is known", "import the orders"]),
        (&["explain", "--address", "x@y.example"], ["no member with this address", "ask by member id"]),
        (&["explain", "--job", "job_0"], ["no job `job_0` is known", "jobs list"]),
        (&["jobs", "show", "job_0"], ["no job `job_0` is known", "jobs list"]),
        (&["jobs", "replay", "job_0", "--yes"], ["no job `job_0` is known", ""]),
        (&["jobs", "cancel", "job_0", "--yes"], ["no job `job_0` is known", ""]),
    ];
    for (args, says) in cases {
        shop.refuses(1, args, &says);
    }
}

#[test]
fn wrong_usage_exits_2_and_says_what_is_possible() {
    let shop = Shop::new();
    let cases: [(&[&str], &[&str]); 13] = [
        (&["improt"], &["unrecognized subcommand", "import"]),
        (&["import", "orders"], &["<FILE>", "--help"]),
        (&["import", "things", "orders.csv"], &["orders, returns, members, products"]),
        (&["explain"], &["--member", "--order"]),
        (&["explain", "--member", "m1", "--order", "o1"], &["cannot be used with"]),
        (&["jobs", "list", "--state", "lost"], &["scheduled", "uncertain"]),
        (&["jobs", "list", "--since", "yesterday"], &["2026-03-02", "24h"]),
        (&["jobs", "replay", "--yes"], &["say which jobs", "--state failed"]),
        (&["run", "--once", "--now", "24h"], &["expected a time", "2026-03-02T10:00"]),
        (&["run", "--once", "--force-now"], &["--now"]),
        (&["run", "--role", "worker"], &["redis://", "--role all"]),
        (&["suppress", "add", "--because", "asked"], &["--member", "--address"]),
        (&["suppress", "add", "--member", "m1", "--until", "2020-01-01"], &["--until", "in the past"]),
    ];
    for (args, says) in cases {
        shop.refuses(2, args, says);
    }
    let bare = end(program(&[], shop.folder.path()));
    assert_refused(&bare, 2, &[], &["Usage: ", "Commands:"]);
}

#[test]
fn without_a_terminal_nothing_is_replayed_or_cancelled_until_a_yes() {
    let shop = Shop::new();
    shop.json(&["run", "--once", "--now", "2025-04-02"]);
    let waiting = shop.lines(&["jobs", "list", "--state", "scheduled"]);
    assert_eq!(waiting.len(), 1, "{waiting:?}");
    let plan =
        shop.refuses(2, &["jobs", "cancel", "--member", "m1"], &["--yes", "--dry-run", "nothing was done"]);
    assert!(plan.out.contains("1 can be cancelled"), "the plan is shown first: {}", plan.out);
    let dry = shop.refuses(0, &["jobs", "cancel", "--member", "m1", "--dry-run", "--json"], &[]);
    assert_eq!((&dry.one()["matched"], &dry.one()["cancelled"]), (&1.into(), &0.into()));
    assert_eq!(shop.json(&["jobs", "cancel", "--member", "m1", "--yes"])["cancelled"], 1);
    assert!(shop.lines(&["jobs", "list", "--state", "scheduled"]).is_empty());
}

#[test]
fn failed_jobs_are_not_replayed_without_a_terminal_and_a_yes() {
    let shop = Shop::new();
    shop.json(&["run", "--once", "--now", "2025-04-02"]);
    let due = shop.lines(&["jobs", "list"])[0]["due_at"].as_str().unwrap().to_owned();
    // Breaks for this member only, so that no check can foresee it.
    let wrong = "{% if member.name == 'Amy' %}{{ 1 // (items|length - items|length) }}{% endif %}";
    shop.write("templates/refill.jinja", TEMPLATE.replace("{{ member.name or 'you' }}", wrong));
    let pass = shop.json(&["run", "--once", "--now", &due]);
    assert_eq!((&pass["failed"], &pass["delivered"]), (&1.into(), &0.into()), "{pass}");
    let replay = ["jobs", "replay", "--state", "failed", "--now", &due];
    let plan = shop.refuses(2, &replay, &["--yes", "--dry-run", "nothing was done"]);
    assert!(plan.out.contains("1 may be replayed"), "the plan is shown first: {}", plan.out);
    shop.write("templates/refill.jinja", TEMPLATE);
    let replayed = shop.json(&[&replay[..], &["--yes"]].concat());
    assert_eq!((&replayed["matched"], &replayed["scheduled"]), (&1.into(), &1.into()), "{replayed}");
    assert_eq!(shop.json(&["run", "--once", "--now", &due])["delivered"], 1);
}

#[test]
fn a_clock_far_off_reaches_nobody_unless_forced() {
    let shop = Shop::new();
    let remote = SETTINGS.replace("http://127.0.0.1:9/hook", "https://crm.shop.example/hook");
    shop.write("replenish.toml", remote.replace("allow_private_network = true\n", ""));
    shop.write("rules/rules.toml", RULES.replace("\"email\"\ntemplate = \"refill\"", "\"crm\""));
    let says = ["--now", "days off the clock", "--force-now"];
    shop.refuses(1, &["run", "--once", "--now", "2025-04-28T10:00:00+08:00"], &says);
    // The daemon's clock too: it ends at once instead of running.
    shop.refuses(1, &["run", "--now", "2025-04-28"], &says);
    assert!(shop.lines(&["jobs", "list"]).is_empty(), "nothing was even planned");
    // Forced, on the day after the last order: planned for later, so that nothing leaves.
    let forced = shop.json(&["run", "--once", "--now", "2025-04-02", "--force-now"]);
    assert_eq!((&forced["planned"], &forced["delivered"]), (&1.into(), &0.into()), "{forced}");
    assert_eq!((&forced["retrying"], &forced["failed"]), (&0.into(), &0.into()), "{forced}");
}

#[test]
fn a_day_and_an_instant_say_the_same_clock() {
    let due = |now: &str| {
        let shop = Shop::new();
        shop.json(&["run", "--once", "--now", now]);
        shop.lines(&["jobs", "list"])[0]["due_at"].clone()
    };
    let by_day = due("2025-04-02");
    assert_eq!(by_day, due("2025-04-02T00:00:00+08:00"));
    assert!(by_day.is_string(), "{by_day}");
}

#[test]
fn learning_looks_at_the_orders_until_its_now() {
    let shop = Shop::new();
    let lines = |now: &str| shop.json(&["learn", "--now", now])["intervals"].clone();
    assert_eq!((lines("2025-02-01"), lines("2025-04-02")), (1.into(), 3.into()));
}

#[test]
fn a_reader_that_leaves_early_is_no_failure() {
    let shop = Shop::new();
    shop.json(&["run", "--once", "--now", "2025-04-02"]);
    let asked: [&[&str]; 8] = [
        &["jobs", "list"],
        &["jobs", "list", "--json"],
        &["forecast", "--member", "m1"],
        &["explain", "--member", "m1"],
        &["plan"],
        &["check"],
        &["completions", "bash"],
        &["--help"],
    ];
    for args in asked {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = shop.command(args);
        let child = command.stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
        drop(command);
        let ran = crate::support::house::ran(child.wait_with_output().unwrap());
        assert_eq!((ran.code, &*ran.err), (0, ""), "{args:?}");
    }
}
