//! Owns the problem: one thing wrong in a file that people write, where it stands and what to write instead; knows
//! nothing of the files.

use std::fmt;

use serde::Serialize;

/// One thing wrong in the settings, the rules or a template. Lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Problem {
    /// The file as people know it; for an override, the environment variable.
    pub file: String,
    /// The line.
    pub line: u32,
    /// The column.
    pub column: u32,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: String,
    /// Whether it must be mended.
    pub severity: Severity,
}

/// How much a problem matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It has no meaning until it is mended.
    Error,
    /// It means something, though hardly what was wanted.
    Warning,
}

impl Problem {
    /// True for what must be mended.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.is_error() { "" } else { "warning: " };
        write!(f, "{}:{}:{}: {word}{}", self.file, self.line, self.column, self.message)?;
        if self.help.is_empty() { Ok(()) } else { write!(f, "\n  help: {}", self.help) }
    }
}

/// `did you mean …? ` for the candidate that `word` is most likely a slip of; empty when none is near.
pub fn did_you_mean<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> String {
    let slips = |c: &str| strsim::damerau_levenshtein(&word.to_lowercase(), &c.to_lowercase());
    let near = candidates.into_iter().map(|c| (slips(c), c)).min();
    match near {
        Some((slips, candidate)) if slips <= 1 + word.chars().count() / 4 => {
            format!("did you mean `{candidate}`? ")
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_reads_like_a_compiler_message() {
        let mut problem = Problem {
            file: "rules/refill.toml".into(),
            line: 3,
            column: 8,
            message: "`rule.kind` is missing".into(),
            help: "write `kind = \"care\"`".into(),
            severity: Severity::Error,
        };
        let expected = "rules/refill.toml:3:8: `rule.kind` is missing\n  help: write `kind = \"care\"`";
        assert_eq!(problem.to_string(), expected);
        problem.help.clear();
        assert_eq!(problem.to_string(), "rules/refill.toml:3:8: `rule.kind` is missing");
        problem.severity = Severity::Warning;
        assert_eq!(problem.to_string(), "rules/refill.toml:3:8: warning: `rule.kind` is missing");
    }
}
