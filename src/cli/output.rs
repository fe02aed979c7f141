//! Owns how results reach a person or a script: tables, blocks, JSON lines, progress, questions; knows nothing of what they say.

use std::fmt::Display;
use std::io::{self, BufRead, BufWriter, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use chrono::TimeZone;
use chrono_tz::Tz;
use comfy_table::{Cell, CellAlignment, Table, presets};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use super::report::report;
use crate::domain::ids::Timestamp;
use crate::domain::job::JobState;
use crate::domain::problem::Problem;

/// What stands out.
pub const STRONG: Style = Style::new().bold();
/// What stands back.
pub const QUIET: Style = Style::new().dimmed();

/// Where results go: people's or scripts' form, on standard output. Colours are left out where none can be shown.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    json: bool,
}

impl Output {
    /// `json`: for scripts, one object a line.
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    /// True when a script reads along.
    pub fn is_json(self) -> bool {
        self.json
    }

    /// One object on one line.
    ///
    /// # Errors
    /// When nothing can be written.
    pub fn json<T: Serialize>(self, value: &T) -> anyhow::Result<()> {
        self.json_lines([value])
    }

    /// An object a line.
    ///
    /// # Errors
    /// When nothing can be written.
    pub fn json_lines<'a, T: Serialize + 'a>(
        self,
        values: impl IntoIterator<Item = &'a T>,
    ) -> anyhow::Result<()> {
        let mut out = BufWriter::new(io::stdout().lock());
        for value in values {
            let mut line = serde_json::to_vec(value)?;
            line.push(b'\n');
            if !heard(out.write_all(&line))? {
                return Ok(());
            }
        }
        heard(out.flush())?;
        Ok(())
    }

    /// A line for people, or several.
    ///
    /// # Errors
    /// When nothing can be written.
    pub fn say(self, text: impl Display) -> anyhow::Result<()> {
        heard(writeln!(anstream::stdout(), "{text}"))?;
        Ok(())
    }

    /// A title, after an empty line.
    ///
    /// # Errors
    /// When nothing can be written.
    pub fn heading(self, text: impl Display) -> anyhow::Result<()> {
        self.say(format_args!("\n{}", strong(text)))
    }

    /// An aligned table without borders; columns named in `right` are figures.
    ///
    /// # Errors
    /// When nothing can be written.
    pub fn table(self, header: &[&str], right: &[&str], rows: Vec<Vec<String>>) -> anyhow::Result<()> {
        self.say(table(header, right, rows))
    }

    /// A name and a value a line, the values aligned.
    ///
    /// # Errors
    /// When nothing can be written.
    pub fn facts(self, facts: &[(&str, String)]) -> anyhow::Result<()> {
        let widest = facts.iter().map(|(name, _)| width(name)).max().unwrap_or_default();
        for (name, value) in facts {
            let indented = value.replace('\n', &format!("\n{}", " ".repeat(widest + 2)));
            let space = " ".repeat(widest - width(name));
            self.say(format_args!("{}{space}  {indented}", quiet(name)))?;
        }
        Ok(())
    }

    /// A remark that is no result: to standard error, so that it is in no script's way.
    ///
    /// # Errors
    /// When nothing can be written.
    pub fn note(self, text: impl Display) -> anyhow::Result<()> {
        heard(writeln!(anstream::stderr(), "{text}"))?;
        Ok(())
    }

    /// What went wrong, with its causes, to standard error; the exit code of an ordinary failure.
    pub fn failed(self, error: &anyhow::Error) -> ExitCode {
        let red = AnsiColor::Red.on_default().bold();
        // Whoever closed standard error does not want to know.
        let _ = writeln!(anstream::stderr(), "{red}error:{red:#} {}", with_causes(error));
        ExitCode::from(crate::cli::FAILED)
    }

    /// Every problem of the files, to standard error; `settings` is the file that may hold secrets.
    ///
    /// # Errors
    /// When nothing can be written.
    pub fn problems(self, problems: &[Problem], settings: &Path) -> anyhow::Result<()> {
        self.warnings(problems, settings)?;
        let files = if problems.len() == 1 { "1 problem" } else { &format!("{} problems", problems.len()) };
        self.note(format_args!("{}", strong(format_args!("{files}; nothing was touched"))))
    }

    /// Every problem, where none keeps anything from being done.
    ///
    /// # Errors
    /// When nothing can be written.
    pub fn warnings(self, problems: &[Problem], settings: &Path) -> anyhow::Result<()> {
        report(problems, settings).into_iter().try_for_each(|told| self.note(told))
    }

    /// Shows how far a long step is, on a terminal only; `total` where it is known. Clear it when the step is done.
    pub fn progress(self, label: &str, total: Option<u64>) -> ProgressBar {
        let template = match total {
            Some(_) => "{prefix} {wide_bar} {human_pos}/{human_len} {eta}",
            None => "{spinner} {prefix} {human_pos} ({elapsed})",
        };
        let style =
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner());
        let target = ProgressDrawTarget::stderr();
        ProgressBar::with_draw_target(total, target).with_style(style).with_prefix(label.to_owned())
    }

    /// Asks a person for a yes; `None` when no person is there to answer.
    ///
    /// # Errors
    /// When the question cannot be put, or the answer cannot be read.
    pub fn ask(self, question: impl Display) -> anyhow::Result<Option<bool>> {
        if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return Ok(None);
        }
        write!(anstream::stderr(), "{question} [y/N] ")?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        Ok(Some(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")))
    }
}

/// The message and its causes, leaving out those that it quotes already.
fn with_causes(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |said, cause| {
        if said.is_empty() {
            cause
        } else if said.contains(&cause) {
            said
        } else {
            format!("{said}: {cause}")
        }
    })
}

/// False when the reader has gone (`… | head`): it has read enough, nothing is wrong.
fn heard(written: io::Result<()>) -> io::Result<bool> {
    match written {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(e) => Err(e),
    }
}

fn table(header: &[&str], right: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header.iter().map(Cell::new));
    table.add_rows(rows);
    for (column, name) in table.column_iter_mut().zip(header) {
        column.set_padding((0, 2));
        if right.contains(name) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    // The header is styled as a whole line: codes inside a cell would count as its width.
    let mut lines = table.lines().map(|line| line.trim_end().to_owned());
    let title = quiet(lines.next().unwrap_or_default());
    std::iter::once(title).chain(lines).collect::<Vec<_>>().join("\n")
}

/// Columns that a name takes on a terminal: Chinese takes two a character.
fn width(name: &str) -> usize {
    name.chars().map(|c| if c < '\u{2e80}' { 1 } else { 2 }).sum()
}

/// The text, standing out.
pub fn strong(text: impl Display) -> String {
    format!("{STRONG}{text}{STRONG:#}")
}

/// The text, standing back.
pub fn quiet(text: impl Display) -> String {
    format!("{QUIET}{text}{QUIET:#}")
}

/// The state's word in its colour.
pub fn state(state: JobState) -> String {
    let colour = match state {
        JobState::Delivered => AnsiColor::Green,
        JobState::Failed => AnsiColor::Red,
        JobState::Uncertain => AnsiColor::Yellow,
        JobState::Skipped | JobState::Cancelled => AnsiColor::BrightBlack,
        JobState::Scheduled | JobState::Queued | JobState::Sending => AnsiColor::Cyan,
    };
    let style = colour.on_default();
    format!("{style}{}{style:#}", state.as_str())
}

/// A time for people, by the clock of `zone`: `2026-03-02 10:00`.
pub fn local(at: Timestamp, zone: Tz) -> String {
    zone.from_utc_datetime(&at.naive_utc()).format("%Y-%m-%d %H:%M").to_string()
}

/// A share as whole percent.
pub fn percent(share: f64) -> String {
    format!("{:.0}%", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_by_display_width() {
        let rows = [["濾紙", "3"], ["coffee", "12"]].map(|row| row.map(str::to_owned).to_vec());
        let told = anstream::adapter::strip_str(&table(&["item", "n"], &["n"], rows.to_vec())).to_string();
        assert_eq!(told, "item     n\n濾紙     3\ncoffee  12");
    }

    #[test]
    fn names_are_as_wide_as_they_look() {
        assert_eq!((width("rules"), width("未來 7 天")), (5, 9));
    }

    #[test]
    fn a_cause_is_told_once() {
        let gone = || anyhow::Error::new(io::Error::other("the disk is gone"));
        assert_eq!(
            with_causes(&gone().context("cannot open a.csv: the disk is gone")),
            "cannot open a.csv: the disk is gone"
        );
        assert_eq!(with_causes(&gone().context("cannot open a.csv")), "cannot open a.csv: the disk is gone");
    }

    #[test]
    fn a_reader_that_has_gone_is_no_failure() {
        assert!(!heard(Err(io::ErrorKind::BrokenPipe.into())).unwrap());
        assert!(heard(Err(io::ErrorKind::StorageFull.into())).is_err());
    }
}
