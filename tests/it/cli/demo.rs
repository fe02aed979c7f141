//! The demo, as whoever just built the program meets it: nothing is set up, and everything is there afterwards.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use mail_parser::{Message, MessageParser};
use serde_json::Value;
use tempfile::TempDir;

use super::{assert_keys, end, program};

/// The demo in an environment with nothing in it but a place for temporary files.
fn demo(args: &[&str], here: &TempDir, temporary: &TempDir) -> Command {
    let mut command = program(&[&["demo"], args].concat(), here.path());
    command.env("TMPDIR", temporary.path());
    command
}

fn count(folder: &Path) -> usize {
    fs::read_dir(folder).unwrap().count()
}

/// What each member agreed to, by address.
fn consents(file: &Path) -> HashMap<String, HashSet<String>> {
    let mut reader = csv::Reader::from_path(file).unwrap();
    let rows = reader.deserialize().map(Result::unwrap);
    let agreed = |row: HashMap<String, String>| {
        (row["email"].clone(), row["consent"].split(';').map(Into::into).collect())
    };
    rows.map(agreed).collect()
}

/// A message with all that the law and mail programs want; its address, subject and HTML.
fn read(mail: &Message<'_>) -> (String, String, String) {
    let text = mail.body_text(0).unwrap();
    let html = mail.body_html(0).unwrap();
    assert!(text.contains("http://127.0.0.1:8080/u/"), "the link that stops it: {text}");
    assert!(html.contains("<html") && !text.contains("<html"), "{html}");
    let parts: Vec<_> = mail.parts.iter().map(|p| p.is_text_html()).collect();
    assert_eq!(parts.iter().filter(|is_html| **is_html).count(), 1);
    assert!(mail.header_raw("List-Unsubscribe").unwrap().contains("/u/"));
    let to = mail.to().unwrap().first().unwrap().address().unwrap().to_owned();
    (to, mail.subject().unwrap().to_owned(), html.into_owned())
}

#[test]
fn the_demo_needs_nothing_and_leaves_one_folder_to_go_on_with() {
    let (here, temporary) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let started = Instant::now();
    let told = end(demo(&["--json"], &here, &temporary)).one();
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    assert_keys(&told, "planned delivered outbox");
    assert_eq!((count(here.path()), count(temporary.path())), (0, 1));
    let outbox = told["outbox"].as_str().unwrap();
    assert!(outbox.starts_with(temporary.path().to_str().unwrap()) && !outbox.contains(".."), "{outbox}");
    let delivered = told["delivered"].as_u64().unwrap();
    assert!(delivered > 20 && told["planned"].as_u64().unwrap() > delivered, "{told}");
    let webhooks = told["webhooks"].as_u64().unwrap();
    assert!(webhooks > 0, "{told}");
    assert_eq!(count(Path::new(outbox)) as u64 + webhooks, delivered);

    let folder = told["folder"].as_str().unwrap();
    let jobs = end(program(&["jobs", "list", "--state", "delivered", "--json"], Path::new(folder))).json();
    assert_eq!(jobs.len() as u64, delivered, "the folder is a shop to go on with");
    assert_mails(Path::new(outbox), Path::new(folder), &jobs);
}

fn assert_mails(outbox: &Path, folder: &Path, jobs: &[Value]) {
    let consents = consents(&folder.join("shop/members.csv"));
    let rules: HashMap<_, _> =
        jobs.iter().map(|j| (j["id"].as_str().unwrap(), j["rule"].as_str().unwrap())).collect();
    let purposes = HashMap::from([
        ("refill", "reminder"),
        ("first-bottle", "reminder"),
        ("how-to-use", "care"),
        ("midway", "care"),
        ("lapsing", "care"),
        ("membership", "care"),
    ]);
    let (mut chinese, mut english) = (0, 0);
    for file in fs::read_dir(outbox).unwrap() {
        let path = file.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        let (to, subject, html) = read(&MessageParser::default().parse(&bytes).unwrap());
        let purpose = purposes[rules[path.file_stem().unwrap().to_str().unwrap()]];
        assert!(consents[&to].contains(purpose), "{to} agreed to {:?}, got a {purpose}", consents[&to]);
        if html.contains("lang=\"zh") {
            assert!(subject.contains(|c| ('\u{4e00}'..'\u{a000}').contains(&c)), "{subject}");
            chinese += 1;
        } else {
            assert!(html.contains("lang=\"en\""), "{html}");
            assert!(
                subject.split(|c: char| !c.is_ascii_alphabetic()).filter(|w| w.len() > 1).count() > 1,
                "{subject}"
            );
            english += 1;
        }
    }
    assert!(chinese > 0 && english > 0, "{chinese} in Chinese, {english} in English");
    let refusing = consents.values().filter(|agreed| agreed.contains("")).count();
    assert!(refusing > 0, "the made-up shop has members who agreed to nothing");
}

#[test]
fn the_demo_tells_people_what_happened_and_what_to_try() {
    let (here, temporary) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let told = end(demo(&[], &here, &temporary));
    assert_eq!((told.code, &*told.err), (0, ""), "{}", told.out);
    for piece in ["imported", "learnt", "planned", "delivered", "One silence, and why", "What to try next"] {
        assert!(told.out.contains(piece), "{piece}: {}", told.out);
    }
    let folder = told.out.lines().find_map(|line| line.strip_prefix("  cd ")).unwrap();
    let tries: Vec<_> = told.out.lines().filter_map(|line| line.strip_prefix("  replenish ")).collect();
    assert!(tries.len() >= 4, "{}", told.out);
    for line in tries {
        let args: Vec<_> = line.split('#').next().unwrap().split_whitespace().collect();
        let tried = end(program(&args, Path::new(folder)));
        assert_eq!((tried.code, tried.out.is_empty()), (0, false), "{line}: {}", tried.err);
    }
}

#[test]
fn the_demo_goes_where_it_is_told() {
    let (here, temporary) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let told = end(demo(&["--folder", "my shop", "--json"], &here, &temporary)).one();
    assert_eq!(told["folder"], here.path().join("my shop").to_str().unwrap());
    assert_eq!((count(here.path()), count(temporary.path())), (1, 0));
    let blocked = end(demo(&["--folder", "/dev/null/x"], &here, &temporary));
    super::assert_refused(&blocked, 1, &["demo"], &["/dev/null/x", "cannot be made"]);
}
