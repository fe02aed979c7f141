//! Help, completions and plain output: what every command shows of itself.

use super::{NOW, Shop, commands_in, end, program};
use crate::support::house::Ran;

/// The options that each command promises.
const OPTIONS: [(&str, &str); 21] = [
    ("", "--config --json --version --help"),
    ("demo", "--folder"),
    ("import", "--format"),
    ("learn", "--now"),
    ("forecast", "--member --now --lang"),
    ("plan", "--now --rules --diff"),
    ("preview", "--rule --member --locale --all-locales --html --now"),
    ("pause", "--all --rule --channel --because"),
    ("run", "--role --once --now --force-now"),
    ("explain", "--member --address --order --job --now"),
    ("check", "--deny-warnings"),
    ("bounces", "--maildir --events"),
    ("jobs list", FILTERS),
    ("jobs show", "--lang"),
    ("jobs replay", "--dry-run --yes"),
    ("jobs cancel", "--dry-run --yes"),
    ("jobs resolve", "--delivered --resend --because --dry-run --yes"),
    ("status", "--since --lang --now"),
    ("verify", ""),
    ("suppress add", "--member --address --purpose --item --until --because"),
    ("suppress remove", "--member --address --purpose --item"),
];

const FILTERS: &str =
    "--state --rule --member --address --order --message-id --channel --since --until --reason --limit";

fn plain(args: &[&str]) -> Ran {
    let empty = tempfile::tempdir().unwrap();
    end(program(args, empty.path()))
}

fn help(path: &[&str]) -> String {
    let ran = plain(&[path, &["--help"]].concat());
    assert_eq!((ran.code, &*ran.err), (0, ""), "{path:?}");
    assert!(ran.out.contains("Usage: replenish"), "{path:?}: {}", ran.out);
    ran.out
}

#[test]
fn help_names_the_options_of_every_command() {
    for (command, options) in OPTIONS {
        let path: Vec<_> = command.split_whitespace().collect();
        let text = help(&path);
        let known: Vec<_> = text.split(|c: char| !c.is_alphanumeric() && c != '-').collect();
        for option in options.split_whitespace().chain(["--config", "--json"]) {
            assert!(known.contains(&option), "{command} {option}: {text}");
        }
        if command.starts_with("jobs ") && command != "jobs show" {
            FILTERS.split(' ').for_each(|filter| assert!(known.contains(&filter), "{command} {filter}"));
        }
    }
}

#[test]
fn every_command_that_help_lists_has_a_help_of_its_own_and_says_what_it_is_for() {
    let root = help(&[]);
    let commands = commands_in(&root);
    assert!(commands.len() >= 10, "{root}");
    for command in &commands {
        let text = help(&[command]);
        assert!(!text.starts_with("Usage"), "{command} says what it is for: {text}");
        commands_in(&text).iter().for_each(|inner| assert!(!help(&[command, inner]).starts_with("Usage")));
        assert_eq!(plain(&[command, "-h"]).code, 0, "{command}");
    }
    // The longer text of a command stands in its help, not only the line of the list.
    assert!(help(&["learn"]).contains("once a day"));
    assert!(help(&["import"]).contains("max_rejects"));
    assert!(plain(&["--version"]).out.starts_with("replenish "));
}

#[test]
fn completions_name_every_command() {
    let commands = commands_in(&help(&[]));
    for shell in ["bash", "zsh", "fish"] {
        let script = plain(&["completions", shell]);
        assert_eq!((script.code, &*script.err), (0, ""), "{shell}");
        for command in commands.iter().map(String::as_str).chain(["replay", "--force-now"]) {
            let word = if shell == "fish" { command.trim_start_matches("--") } else { command };
            assert!(script.out.contains(word), "{word} in {shell}");
        }
    }
    assert_eq!(plain(&["completions", "tcsh"]).code, 2);
}

#[test]
fn what_goes_into_a_pipe_has_no_escapes() {
    let shop = Shop::new();
    shop.json(&["run", "--once", "--now", NOW]);
    let job = shop.lines(&["jobs", "list"])[0]["id"].as_str().unwrap().to_owned();
    let asked: [&[&str]; 18] = [
        &["--help"],
        &["jobs", "list", "--help"],
        &["jobs", "list", "--state", "lost"],
        &["import", "orders", "orders.csv"],
        &["import", "orders", "gone.csv"],
        &["learn", "--now", NOW],
        &["plan", "--now", NOW],
        &["forecast", "--member", "m1", "--now", NOW],
        &["explain", "--member", "m1", "--now", NOW],
        &["run", "--once", "--now", NOW],
        &["jobs", "list"],
        &["jobs", "show", &job],
        &["jobs", "cancel", &job, "--dry-run"],
        &["suppress", "add", "--member", "m1"],
        &["suppress", "list"],
        &["status", "--now", NOW],
        &["verify"],
        &["check"],
    ];
    for args in asked {
        let mut command = shop.command(args);
        command.env("TERM", "xterm-256color").env("COLORTERM", "truecolor");
        let ran = end(command);
        assert!(!ran.out.is_empty() || !ran.err.is_empty(), "{args:?}");
        assert!(
            !ran.out.contains('\x1b') && !ran.err.contains('\x1b'),
            "{args:?}: {:?}{:?}",
            ran.out,
            ran.err
        );
    }
    let broken = end(shop.under("nowhere.toml", &["check"]));
    assert!(!broken.err.contains('\x1b'), "{:?}", broken.err);
}
