//! The README's commands: each is one that the program takes.

use std::fs;

use super::{end, program};

/// The command lines of the ```sh blocks, continued lines joined.
fn lines(markdown: &str) -> Vec<String> {
    let mut inside = false;
    let mut found: Vec<String> = Vec::new();
    let mut continued = false;
    for line in markdown.lines() {
        if line.trim_start().starts_with("```") {
            inside = !inside && line.trim() == "```sh";
            continued = false;
            continue;
        }
        if !inside {
            continue;
        }
        let text = line.trim_end_matches('\\').trim();
        match found.last_mut().filter(|_| continued) {
            Some(last) => *last = format!("{last} {text}"),
            None => found.push(text.to_owned()),
        }
        continued = line.ends_with('\\');
    }
    found
}

/// Each call of the program in a line of shell, as its arguments: behind variables, in pipes and chains too.
fn calls(line: &str) -> Vec<Vec<String>> {
    let words = words(line);
    let parts = words.split(|word| ["|", "&&", "||", ";", "&"].contains(&word.as_str()));
    parts.filter_map(arguments).collect()
}

fn arguments(words: &[String]) -> Option<Vec<String>> {
    let is_variable = |word: &&String| {
        word.split_once('=').is_some_and(|(name, _)| {
            name.chars().all(|c| c.is_ascii_uppercase() || c == '_' || c.is_ascii_digit())
        })
    };
    let words = &words[words.iter().take_while(is_variable).count()..];
    let arguments = match words {
        [program, rest @ ..] if program == "replenish" => rest,
        [cargo, run, rest @ ..] if cargo == "cargo" && run == "run" => {
            let dashes = rest.iter().position(|word| word == "--");
            &rest[dashes.map_or(rest.len(), |at| at + 1)..]
        }
        _ => return None,
    };
    // What is redirected is the shell's.
    let end = arguments.iter().position(|word| word.starts_with(['<', '>']) || word.starts_with("2>"));
    Some(arguments[..end.unwrap_or(arguments.len())].to_vec())
}

/// Words as a shell splits them: quotes hold together, `#` ends.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for letter in line.chars() {
        match (quote, letter) {
            (Some(open), _) if open == letter => quote = None,
            (Some(_), _) => word.get_or_insert_default().push(letter),
            (None, '"' | '\'') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => break,
            (None, ' ') => words.extend(word.take()),
            (None, _) => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}

/// Where there are no settings, every call ends before it does anything, but not before it was understood.
fn not_understood(markdown: &str) -> (usize, Vec<String>) {
    let calls: Vec<_> = lines(markdown).iter().flat_map(|line| calls(line)).collect();
    let mut refused = Vec::new();
    for arguments in &calls {
        let empty = tempfile::tempdir().unwrap();
        let mut command = program(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), empty.path());
        command.env("TMPDIR", empty.path());
        let ran = end(command);
        // 124 and 137 are those of a program that was stopped.
        if [2, 124, 137].contains(&ran.code) {
            refused.push(format!("replenish {}: {}", arguments.join(" "), ran.err));
        }
    }
    (calls.len(), refused)
}

#[test]
fn every_command_of_the_readme_is_one_that_the_program_takes() {
    let readme =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).expect("README.md is there");
    let (count, refused) = not_understood(&readme);
    assert!(refused.is_empty(), "{}", refused.join("\n"));
    assert!(count >= 10, "only {count} commands");
}

#[test]
fn wrong_commands_in_a_readme_are_found() {
    let sample = r#"
```sh
cargo run --release -- demo --fodler x      # wrong
cat today.csv | replenish import orders - --format csv > log.txt
CRM_SECRET=x replenish --config a.toml \
    jobs list --state failed --since 24h   # right
replenish suppress add --member 1 --because "asked by # phone" && replenish jobs shwo 1
ls -l; cargo test
```
```text
replenish nonsense
```
replenish nonsense
```sh
replenish run --role nobody
```
"#;
    let (count, refused) = not_understood(sample);
    assert_eq!(count, 6);
    assert_eq!(refused.len(), 3, "{refused:?}");
    for (told, wrong) in refused.iter().zip(["--fodler", "shwo", "nobody"]) {
        assert!(told.contains(wrong), "{told}");
    }
}
