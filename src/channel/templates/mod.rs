//! Owns the templates: found by name and locale, checked at loading, rendered for one member; knows nothing of channels.

mod check;
mod engine;
mod files;
mod names;
mod own;
mod samples;
mod scope;
mod speech;
mod text;

pub use own::OwnTemplate;
pub use samples::sample;
pub use scope::{Scope, Shop};

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use self::engine::{Blocks, Fault, Voice};
use self::files::Files;
use super::Rendered;
use super::reply::one_line;
use crate::domain::job::{Delivery, Outcome};
use crate::domain::problem::Problem;
use crate::domain::reason::Reason;

/// Every template of a folder. A file is `NAME.LOCALE.jinja` or `NAME.jinja`; one whose name starts with `_`, or that
/// has no subject and is used by others, is a part that others extend, include or import by its name.
pub struct Templates {
    files: Arc<Files>,
    /// One for each locale that some file is written in, in small letters, and one for all others.
    voices: BTreeMap<String, Voice>,
}

/// Equal when the files say the same, whatever was made of them.
impl PartialEq for Templates {
    fn eq(&self, other: &Self) -> bool {
        self.files == other.files
    }
}

/// Why a template was not rendered.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// No file for the name, in that locale or in general.
    #[error("there is no template {name}.jinja, nor one for the locale {locale}")]
    Missing {
        /// The template's name.
        name: String,
        /// The member's locale.
        locale: String,
    },
    /// The template and the member do not go together.
    #[error("{file}:{line}:{column}: {message}")]
    Render {
        /// The file's name inside the folder.
        file: String,
        /// The line, from 1; the first when the file as a whole is meant.
        line: u32,
        /// The column in characters, from 1.
        column: u32,
        /// What is wrong.
        message: String,
    },
}

impl TemplateError {
    /// What it means for the message: nobody mends it by trying again.
    pub fn outcome(&self) -> Outcome {
        let outcome = Outcome::new(Delivery::Permanent, Some(Reason::TemplateError));
        Outcome { reply: Some(self.to_string()), ..outcome }
    }
}

impl Templates {
    /// Reads every template of `folder` and renders each, in each locale, for sample members of whom everything is
    /// known. A folder that is not there has none.
    ///
    /// # Errors
    /// All problems of all files, with their places.
    pub fn load(folder: &Path) -> Result<Self, Vec<Problem>> {
        let (files, problems) = check::read(folder)?;
        let problems = check::errors(folder, &files, problems);
        if problems.is_empty() { Ok(Self::of(files)) } else { Err(problems) }
    }

    /// What will keep some messages from being written, though not all: templates that ask for what is not known of
    /// every member, and those of `itemless` that need an item where a message may have none.
    pub fn warnings(&self, folder: &Path, itemless: &BTreeSet<&str>) -> Vec<Problem> {
        check::warnings(folder, &self.files, itemless)
    }

    fn of(files: Files) -> Self {
        let files = Arc::new(files);
        let locales = files.locales().into_iter().map(str::to_ascii_lowercase).chain([String::new()]);
        let voices = locales.map(|locale| (locale.clone(), Voice::of(&files, &locale))).collect();
        Self { files, voices }
    }

    /// True when there is a template of this name, in whatever locale.
    pub fn has(&self, name: &str) -> bool {
        let rest = |file: &String| file.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
        !name.starts_with('_') && self.files.0.keys().any(rest)
    }

    /// The locales that the template is written in, apart from the file for all others.
    pub fn locales(&self, name: &str) -> Vec<&str> {
        let of_name = self.files.0.keys().map(|file| files::parts(file)).filter(|(of, _)| *of == name);
        of_name.filter_map(|(_, locale)| locale).collect()
    }

    /// Renders `NAME` in the scope's locale, falling back to the language, then to the file without a locale.
    ///
    /// # Errors
    /// When there is no such file, or it asks for what is not known of this member.
    pub fn render(&self, name: &str, scope: &Scope) -> Result<Rendered, TemplateError> {
        let missing = || TemplateError::Missing { name: name.to_owned(), locale: scope.locale().to_owned() };
        let file = self.files.find(name, scope.locale()).ok_or_else(missing)?;
        self.render_file(file, scope).map_err(|fault| fault.error(file, &self.files))
    }

    fn render_file(&self, file: &str, scope: &Scope) -> Result<Rendered, Fault> {
        let missing = || Fault::missing("subject", "");
        let voice = self.voices.get(&self.files.nearest(scope.locale())).ok_or_else(missing)?;
        let mut plain = Blocks::of(&voice.plain, file, scope)?;
        let subject = one_line(&plain.required("subject")?);
        if subject.is_empty() {
            return Err(Fault::Block { block: "subject", message: "the subject is empty".to_owned() });
        }
        let mut escaped = Blocks::of(&voice.html, file, scope)?;
        let html = match escaped.optional("html")? {
            Some(html) => Some(html),
            None => escaped.optional("mjml")?.map(|mjml| engine::html_of(&mjml)).transpose()?,
        };
        let text = match (plain.optional("text")?, &html) {
            (Some(text), _) => text,
            (None, Some(html)) => text::of_html(html),
            (None, None) => return Err(Fault::missing("text", "html` or `mjml")),
        };
        Ok(Rendered { subject, text: format!("{}\n", text.trim()), html })
    }
}
