//! Owns the templates: found by name and locale, checked at loading, rendered for one member; knows nothing of channels.

mod check;
mod engine;
mod scope;
mod speech;
mod text;

pub use scope::{Scope, Shop, sample};

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use minijinja::{AutoEscape, Environment};

use self::engine::{Blocks, Fault};
use super::Rendered;
use super::reply::one_line;
use crate::domain::problem::Problem;

/// Every template of a folder. A file is `NAME.LOCALE.jinja` or `NAME.jinja`; one whose name starts with `_` is a part
/// that others extend or include.
pub struct Templates {
    /// Writes values as they are: for `subject` and `text`.
    plain: Environment<'static>,
    /// Escapes values: for `html` and `mjml`.
    html: Environment<'static>,
    files: BTreeSet<String>,
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

impl Templates {
    /// Reads every template of `folder` and renders each for a sample member. A folder that is not there has none.
    ///
    /// # Errors
    /// All problems of all files, with their places.
    pub fn load(folder: &Path) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let (plain, html) = (engine::environment(AutoEscape::None), engine::environment(AutoEscape::Html));
        let mut templates = Self { plain, html, files: BTreeSet::new() };
        for file in names(folder).map_err(|e| vec![check::unreadable(folder, &e)])? {
            if let Err(problem) = templates.add(folder, &file) {
                problems.push(problem);
            }
        }
        problems.extend(templates.files.iter().filter_map(|file| check::problem(&templates, folder, file)));
        if problems.is_empty() { Ok(templates) } else { Err(problems) }
    }

    /// True when there is a template of this name, in whatever locale.
    pub fn has(&self, name: &str) -> bool {
        let rest = |file: &str| file.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
        !name.starts_with('_') && self.files.iter().any(|file| rest(file))
    }

    /// Renders `NAME` in the scope's locale, falling back to the language, then to the file without a locale.
    ///
    /// # Errors
    /// When there is no such file, or it asks for what is not known of this member.
    pub fn render(&self, name: &str, scope: &Scope) -> Result<Rendered, TemplateError> {
        let missing = || TemplateError::Missing { name: name.to_owned(), locale: scope.locale().to_owned() };
        let file = self.file(name, scope.locale()).ok_or_else(missing)?;
        self.render_file(file, scope).map_err(|fault| fault.error(file, &self.source(file)))
    }

    fn render_file(&self, file: &str, scope: &Scope) -> Result<Rendered, Fault> {
        let mut plain = Blocks::of(&self.plain, file, scope)?;
        let subject = one_line(&plain.required("subject")?);
        if subject.is_empty() {
            return Err(Fault::Block { block: "subject", message: "the subject is empty".to_owned() });
        }
        let mut escaped = Blocks::of(&self.html, file, scope)?;
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

    fn add(&mut self, folder: &Path, file: &str) -> Result<(), Problem> {
        let source = std::fs::read_to_string(folder.join(file));
        let source = source.map_err(|e| check::unreadable(&folder.join(file), &e))?;
        let added = self.plain.add_template_owned(file.to_owned(), source.clone());
        let added = added.and_then(|()| self.html.add_template_owned(file.to_owned(), source.clone()));
        added.map_err(|e| check::located(folder, &Fault::from(e).error(file, &source)))?;
        self.files.insert(file.to_owned());
        Ok(())
    }

    fn file(&self, name: &str, locale: &str) -> Option<&str> {
        let mut tag = locale.replace('_', "-");
        loop {
            let wanted = if tag.is_empty() { format!("{name}.jinja") } else { format!("{name}.{tag}.jinja") };
            if let Some(file) = self.files.iter().find(|file| file.eq_ignore_ascii_case(&wanted)) {
                return Some(file);
            }
            if tag.is_empty() {
                return None;
            }
            tag.truncate(tag.rfind('-').unwrap_or(0));
        }
    }

    fn source(&self, file: &str) -> String {
        self.plain.get_template(file).map(|template| template.source().to_owned()).unwrap_or_default()
    }
}

/// The names of all template files, in order.
fn names(folder: &Path) -> io::Result<BTreeSet<String>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        entries => entries?,
    };
    let name =
        |entry: io::Result<std::fs::DirEntry>| entry.map(|e| e.file_name().to_string_lossy().into_owned());
    let all = entries.map(name).collect::<io::Result<BTreeSet<_>>>()?;
    Ok(all.into_iter().filter(|name| name.ends_with(".jinja") && !name.starts_with('.')).collect())
}
