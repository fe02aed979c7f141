//! Owns how the engine is set up for a locale, how one block of a file is rendered, and where it went wrong; knows
//! nothing of folders.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use minijinja::{AutoEscape, Captured, Environment, Error, ErrorKind, UndefinedBehavior};

use super::files::Files;
use super::scope::Scope;
use super::{TemplateError, speech};

/// All files, as a message in one locale reads them: what a file includes, extends or imports by name is found in that
/// locale too.
pub(super) struct Voice {
    /// Writes values as they are: for `subject` and `text`.
    pub plain: Environment<'static>,
    /// Escapes values: for `html` and `mjml`.
    pub html: Environment<'static>,
}

impl Voice {
    /// The voice of a locale. Files that cannot be read as templates are left out: see [`fault_of`].
    pub fn of(files: &Arc<Files>, locale: &str) -> Self {
        let spoken = |escape| {
            let mut environment = environment(escape);
            let (known, locale) = (files.clone(), locale.to_owned());
            environment.set_path_join_callback(move |name, _| match known.find(name, &locale) {
                Some(file) => Cow::Owned(file.to_owned()),
                None => Cow::Borrowed(name),
            });
            for (file, source) in &files.0 {
                // told by `fault_of` when the folder is loaded
                let _ = environment.add_template_owned(file.clone(), source.clone());
            }
            environment
        };
        Self { plain: spoken(AutoEscape::None), html: spoken(AutoEscape::Html) }
    }
}

/// Why a source is no template at all.
pub(super) fn fault_of(file: &str, source: &str) -> Option<Fault> {
    environment(AutoEscape::None).template_from_named_str(file, source).err().map(Fault::from)
}

/// An engine in which what is not known cannot be written, neither `undefined` nor `none`.
fn environment(escape: AutoEscape) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(move |_| escape.clone());
    // names the undefined variable in errors
    environment.set_debug(true);
    environment.set_formatter(|out, state, value| match value.is_none() {
        true => Err(Error::new(ErrorKind::UndefinedError, NOT_KNOWN)),
        false => minijinja::escape_formatter(out, state, value),
    });
    environment.add_filter("date", speech::date);
    environment.add_filter("days", speech::days);
    environment.add_filter("money", speech::money);
    environment.add_filter("list_and", speech::list_and);
    environment
}

const NOT_KNOWN: &str =
    "this is not known of the member or item; ask with `{% if … %}`, or write `… or \"…\"`";

/// The blocks of one file, for one member.
pub(super) struct Blocks<'e>(Captured<'e>, speech::Tongue);

impl<'e> Blocks<'e> {
    /// Runs the file once, which is what resolves `extends`; its own output is of no use.
    pub fn of(environment: &'e Environment<'static>, file: &str, scope: &Scope) -> Result<Self, Fault> {
        let template = environment.get_template(file)?;
        Ok(Self(template.render_captured_to(scope.value(), io::sink())?, scope.tongue()))
    }

    /// The block's output, if the file or what it extends has it.
    pub fn optional(&mut self, name: &str) -> Result<Option<String>, Fault> {
        let tongue = self.1.clone();
        let rendered = self.0.with_state_mut(|state| {
            state.get_or_insert_extension(tongue);
            state.render_block(name)
        });
        match rendered {
            Err(error) if error.kind() == ErrorKind::UnknownBlock => Ok(None),
            rendered => Ok(Some(rendered?)),
        }
    }

    /// The block's output.
    pub fn required(&mut self, name: &'static str) -> Result<String, Fault> {
        self.optional(name)?.ok_or_else(|| Fault::missing(name, ""))
    }
}

/// The HTML that mail programs understand, from MJML. No fonts are fetched unless the template names them: opening a
/// mail should tell nobody.
pub(super) fn html_of(mjml: &str) -> Result<String, Fault> {
    let fault = |e: &dyn std::error::Error| Fault::Block { block: "mjml", message: format!("MJML: {e}") };
    let parsed = mrml::parse(mjml).map_err(|e| fault(&e))?;
    let options = mrml::prelude::render::RenderOptions { fonts: HashMap::new(), ..Default::default() };
    parsed.element.render(&options).map_err(|e| fault(&e))
}

/// What went wrong with a file.
#[derive(Debug)]
pub(super) enum Fault {
    /// The engine says where.
    Engine(Error),
    /// Something about the output of a block.
    Block { block: &'static str, message: String },
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Fault::Engine(error)
    }
}

impl Fault {
    /// A block that has to be there.
    pub fn missing(block: &'static str, or: &str) -> Self {
        let or = if or.is_empty() { String::new() } else { format!(", `{or}`") };
        Fault::Block { block, message: format!("there is no block `{block}`{or}") }
    }

    /// The error as people read it, in the file that was asked for or in a part of it.
    pub fn error(&self, file: &str, files: &Files) -> TemplateError {
        match self {
            Fault::Block { block, message } => {
                let begins = |l: &str| l.contains("{%") && l.contains(&format!("block {block}"));
                let line = files.source(file).lines().position(begins).map_or(1, |at| at as u32 + 1);
                TemplateError::Render { file: file.to_owned(), line, column: 1, message: message.clone() }
            }
            Fault::Engine(error) => {
                let error = innermost(error);
                let name = error.name().unwrap_or(file);
                let begins = error.range().map(|range| place(files.source(name), range.start));
                let (line, column) = begins.unwrap_or((error.line().unwrap_or(1) as u32, 1));
                let message = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
                TemplateError::Render { file: name.to_owned(), line, column, message }
            }
        }
    }

    /// The file and the bytes of the expression at fault, and of what kind the fault is; where the engine tells.
    pub fn span(&self) -> Option<(&str, Range<usize>, ErrorKind)> {
        let Fault::Engine(error) = self else { return None };
        let error = innermost(error);
        Some((error.name()?, error.range()?, error.kind()))
    }

    /// The name that the engine's words hold: "`member.nmae` is undefined".
    pub fn names(&self) -> Option<&str> {
        let Fault::Engine(error) = self else { return None };
        innermost(error).detail()?.split('`').nth(1)
    }
}

/// The error where it happened, below "could not render include" and the like.
fn innermost(error: &Error) -> &Error {
    let below = std::error::Error::source(error).and_then(|e| e.downcast_ref::<Error>());
    below.map_or(error, innermost)
}

/// The line and the column in characters, both from 1, of a byte.
pub(super) fn place(source: &str, at: usize) -> (u32, u32) {
    let before = source.get(..at).unwrap_or_default();
    let line = before.rsplit('\n').next().unwrap_or(before);
    (before.matches('\n').count() as u32 + 1, line.chars().count() as u32 + 1)
}
