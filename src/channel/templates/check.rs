//! Owns what is checked of a template when it is loaded, and how that is told; knows nothing of members.

use std::io;
use std::path::Path;

use super::scope::{Scope, sample};
use super::{TemplateError, Templates};
use crate::domain::problem::Problem;

/// What is wrong with a file when it is rendered for a sample member of its locale. Parts are checked through what
/// uses them.
pub(super) fn problem(templates: &Templates, folder: &Path, file: &str) -> Option<Problem> {
    if file.starts_with('_') {
        return None;
    }
    let locale = file.trim_end_matches(".jinja").rsplit_once('.').map_or("en", |(_, locale)| locale);
    let fault = templates.render_file(file, &Scope::sample(&sample(locale))).err()?;
    Some(located(folder, &fault.error(file, &templates.source(file))))
}

/// A template's error as a problem of a file in `folder`.
pub(super) fn located(folder: &Path, error: &TemplateError) -> Problem {
    let (file, line, column, message) = match error {
        TemplateError::Render { file, line, column, message } => {
            (file.as_str(), *line, *column, message.clone())
        }
        missing @ TemplateError::Missing { .. } => ("", 1, 1, missing.to_string()),
    };
    let help = help(&message).to_owned();
    Problem { file: folder.join(file).display().to_string(), line, column, message, help }
}

/// A file or folder that cannot be read.
pub(super) fn unreadable(path: &Path, error: &io::Error) -> Problem {
    let (message, help) = (format!("cannot be read: {error}"), "make it readable, UTF-8 text".to_owned());
    Problem { file: path.display().to_string(), line: 1, column: 1, message, help }
}

fn help(message: &str) -> &'static str {
    match message {
        m if m.starts_with("there is no block") => {
            "a template has the blocks `subject`, and `text`, `html` or `mjml`; start the file's name with _ if it is a part of others"
        }
        m if m.starts_with("MJML") => {
            "the block holds one <mjml> element, as https://documentation.mjml.io describes it"
        }
        m if m.contains("undefined") => {
            "in scope are member, items, reason, cautions, shop, unsubscribe_url, rule, step and now"
        }
        _ => {
            "templates know member, items, reason, cautions, shop, unsubscribe_url, rule, step and now, and the filters date and days"
        }
    }
}
