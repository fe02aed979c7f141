//! Owns how the engine is set up, how one block of a file is rendered, and where it went wrong; knows nothing of folders.

use std::collections::HashMap;
use std::io;

use minijinja::{AutoEscape, Captured, Environment, Error, ErrorKind, UndefinedBehavior};

use super::scope::Scope;
use super::{TemplateError, speech};

/// An engine in which what is not known cannot be written, neither `undefined` nor `none`.
pub(super) fn environment(escape: AutoEscape) -> Environment<'static> {
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

    /// The error as people read it, in the file (of this source) that was asked for or in a part of it.
    pub fn error(&self, file: &str, source: &str) -> TemplateError {
        match self {
            Fault::Block { block, message } => {
                let line =
                    source.lines().position(|l| l.contains("{%") && l.contains(&format!("block {block}")));
                let line = line.map_or(1, |at| at as u32 + 1);
                TemplateError::Render { file: file.to_owned(), line, column: 1, message: message.clone() }
            }
            Fault::Engine(error) => {
                let error = innermost(error);
                let file = error.name().unwrap_or(file).to_owned();
                let line = error.line().unwrap_or(1) as u32;
                let column =
                    error.template_source().or(Some(source)).and_then(|s| column(error, s)).unwrap_or(1);
                let message = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
                TemplateError::Render { file, line, column, message }
            }
        }
    }
}

/// The error where it happened, below "could not render include" and the like.
fn innermost(error: &Error) -> &Error {
    let below = std::error::Error::source(error).and_then(|e| e.downcast_ref::<Error>());
    below.map_or(error, innermost)
}

fn column(error: &Error, source: &str) -> Option<u32> {
    let before = source.get(..error.range()?.start)?;
    let line = before.rsplit('\n').next().unwrap_or(before);
    Some(line.chars().count() as u32 + 1)
}
