//! Owns the templates that an endpoint has of its own, a JSON body and texts of one line; knows nothing of messages.

use std::path::Path;
use std::sync::Arc;

use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::Serialize;
use serde::de::IgnoredAny;

use super::TemplateError;
use super::check::{located, unreadable};
use super::engine::{Fault, place};
use super::files::Files;
use super::names::{code_of, places};
use crate::domain::problem::{Problem, Severity, did_you_mean};

/// What these templates know.
const KNOWN: [&str; 5] = ["type", "timestamp", "data", "job_uuid", "contact"];
const SYNTAX: &str = "write `{{ … }}` for a value, which brings its own quotes, and `{% … %}` for a statement; \
    in scope are type, timestamp, data, job_uuid and contact";

/// One template, read and checked; cheap to clone.
#[derive(Clone)]
pub struct OwnTemplate {
    environment: Arc<Environment<'static>>,
    files: Arc<Files>,
    file: String,
}

impl OwnTemplate {
    /// The template of a JSON body: every value is written as JSON.
    ///
    /// # Errors
    /// The problems of the file, with their places.
    pub fn json(path: &Path) -> Result<Self, Vec<Problem>> {
        let folder = path.parent().unwrap_or(Path::new(""));
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let source = std::fs::read_to_string(path).map_err(|e| vec![unreadable(path, &e)])?;
        let template = Self::of(&file, &source, AutoEscape::Json);
        let template = template.map_err(|e| vec![located(folder, &e, SYNTAX.to_owned())])?;
        let strays = template.strays(path);
        if strays.is_empty() { Ok(template) } else { Err(strays) }
    }

    /// A text of one line, as a header's value.
    ///
    /// # Errors
    /// When it is no template.
    pub fn line(name: &str, source: &str) -> Result<Self, TemplateError> {
        Self::of(name, source, AutoEscape::None)
    }

    fn of(file: &str, source: &str, escape: AutoEscape) -> Result<Self, TemplateError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(move |_| escape.clone());
        // names the undefined variable in errors
        environment.set_debug(true);
        environment.add_filter("cut", cut);
        let files = Files([(file.to_owned(), source.to_owned())].into());
        environment
            .add_template_owned(file.to_owned(), source.to_owned())
            .map_err(|e| Fault::from(e).error(file, &files))?;
        Ok(Self { environment: Arc::new(environment), files: Arc::new(files), file: file.to_owned() })
    }

    /// The template for one message.
    ///
    /// # Errors
    /// When it asks for what is not known of this message.
    pub fn render(&self, scope: &impl Serialize) -> Result<String, TemplateError> {
        let template = self.environment.get_template(&self.file);
        let rendered = template.and_then(|template| template.render(Value::from(Serde(scope))));
        rendered.map_err(|e| Fault::from(e).error(&self.file, &self.files))
    }

    /// The same, of which it is certain that it is JSON.
    ///
    /// # Errors
    /// When it asks for what is not known of this message, or what comes of it is no JSON.
    pub fn render_json(&self, scope: &impl Serialize) -> Result<String, TemplateError> {
        let text = self.render(scope)?.trim().to_owned();
        match serde_json::from_str::<IgnoredAny>(&text) {
            Ok(_) => Ok(text),
            Err(e) => Err(self.unfit(format!("what comes of it is no JSON: {e} of the body"))),
        }
    }

    /// What is wrong with the template as a whole.
    pub fn unfit(&self, message: String) -> TemplateError {
        TemplateError::Render { file: self.file.clone(), line: 1, column: 1, message }
    }

    /// Names that no message will ever know.
    fn strays(&self, path: &Path) -> Vec<Problem> {
        let Ok(template) = self.environment.get_template(&self.file) else { return Vec::new() };
        let (source, file) = (self.files.source(&self.file), path.display().to_string());
        let is_global = |name: &str| self.environment.globals().any(|(global, _)| global == name);
        let unknown = template.undeclared_variables(false).into_iter();
        let unknown = unknown.filter(|name| !KNOWN.contains(&name.as_str()) && !is_global(name));
        let mut strays = Vec::new();
        for name in unknown {
            for at in places(&code_of(source), &name) {
                let (line, column) = place(source, at);
                let message = format!("`{name}` is not defined");
                let help = format!("{}in scope are {}", did_you_mean(&name, KNOWN), KNOWN.join(", "));
                let severity = Severity::Error;
                strays.push(Problem { file: file.clone(), line, column, message, help, severity });
            }
        }
        strays.sort();
        strays
    }
}

/// At most so many units of UTF-16, as messengers count characters: of a longer text its beginning, and `…`.
fn cut(text: &str, most: usize) -> String {
    if text.encode_utf16().count() <= most {
        return text.to_owned();
    }
    let mut left = most.saturating_sub(1);
    let fits = |c: &char| match left.checked_sub(c.len_utf16()) {
        Some(rest) => {
            left = rest;
            true
        }
        None => false,
    };
    let beginning: String = text.chars().take_while(fits).collect();
    format!("{}…", beginning.trim_end())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn checked(source: &str) -> Result<OwnTemplate, Vec<String>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("line.json");
        std::fs::write(&path, source).unwrap();
        let short = |p: Problem| {
            let file = Path::new(&p.file).file_name().unwrap().to_string_lossy().into_owned();
            format!("{file}:{}:{}: {}\n{}", p.line, p.column, p.message, p.help)
        };
        OwnTemplate::json(&path).map_err(|problems| problems.into_iter().map(short).collect())
    }

    #[test]
    fn every_value_is_json_whatever_it_holds() {
        let template = checked(
            "{\"a\": {{ data.text }}, \"b\": {{ data.list }}, \"c\": {{ data.none }}, \"d\": {{ data.text | tojson }}}",
        );
        let text = "say \"hi\"\n\\ 咖啡 <b> & '";
        let scope = json!({ "data": { "text": text, "list": [1, 2.5, true], "none": null } });
        let body = template.unwrap().render_json(&scope).unwrap();
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body, json!({ "a": text, "b": [1, 2.5, true], "c": null, "d": text }));
    }

    #[test]
    fn mistakes_are_told_with_their_places() {
        let table = [
            ("{\n  \"a\": {{ data.x }\n}", "line.json:2:", "brings its own quotes"),
            ("{\n  \"a\": {{ dta.x }}\n}", "line.json:2:11: `dta` is not defined", "did you mean `data`?"),
            ("{% for item in data.items %}{{ itm }}{% endfor %}", "line.json:1:32: `itm` is", "in scope are"),
        ];
        for (source, told, help) in table {
            let problems = checked(source).err().unwrap();
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert!(problems[0].starts_with(told) && problems[0].contains(help), "{problems:?}");
        }
        assert!(checked("{% for item in data.items %}{{ item.id }}{% endfor %}{{ range(3) }}").is_ok());
        assert!(
            OwnTemplate::json(Path::new("/nowhere/line.json")).err().unwrap()[0]
                .message
                .contains("cannot be read")
        );
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        let table =
            [("咖啡豆", 3, "咖啡豆"), ("咖啡豆", 2, "咖…"), ("🫘🫘🫘", 5, "🫘🫘…"), ("🫘🫘🫘", 4, "🫘…")];
        for (text, most, kept) in table {
            assert_eq!(cut(text, most), kept, "{text} {most}");
            assert!(kept.encode_utf16().count() <= most);
        }
    }

    #[test]
    fn what_is_no_json_or_not_known_is_told() {
        let scope = json!({ "data": { "text": "a" } });
        let told = |source: &str| checked(source).unwrap().render_json(&scope).unwrap_err().to_string();
        assert!(told("{\"a\": \"{{ data.text }}\"}").contains("no JSON"), "quotes twice");
        assert!(told("{\"a\": {{ data.text }},}").contains("no JSON"));
        assert!(told("").contains("no JSON"));
        let unknown = told("{\n\"a\": {{ data.message.text }}}");
        assert!(unknown.starts_with("line.json:2:13: ") && unknown.contains("data.message"), "{unknown}");
    }
}
