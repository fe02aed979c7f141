//! Owns what was typed, as a tree in which every key and value knows its place; knows nothing of what keys mean.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

use crate::domain::problem::{Problem, Severity};

/// Where a key or value stands. Lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file as people know it; for an override, the environment variable.
    pub file: Arc<str>,
    /// The line.
    pub line: u32,
    /// The column.
    pub column: u32,
}

impl Place {
    /// The first character of a file.
    pub fn start_of(file: &str) -> Self {
        Self { file: file.into(), line: 1, column: 1 }
    }

    /// Something wrong here.
    pub fn problem(
        &self,
        severity: Severity,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Problem {
        let Place { file, line, column } = self.clone();
        let file = file.to_string();
        Problem { file, line, column, message: message.into(), help: help.into(), severity }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// Everything found wrong so far.
#[derive(Debug, Default)]
pub struct Problems(RefCell<Vec<Problem>>);

impl Problems {
    /// Notes one more.
    pub fn add(&self, at: &Place, message: impl Into<String>, help: impl Into<String>) {
        self.0.borrow_mut().push(at.problem(Severity::Error, message, help));
    }

    /// True when none was noted.
    pub fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }

    /// All of them, sorted by file, line and column.
    pub fn sorted(self) -> Vec<Problem> {
        let mut found = self.0.into_inner();
        found.sort();
        found
    }
}

/// A value and its place; a table's place is its header.
#[derive(Debug, Clone)]
pub struct Node {
    /// What it is.
    pub value: Value,
    /// Where it stands.
    pub at: Place,
}

impl Node {
    /// What stands at `path`, as `send.time`; where a key is absent, the table that it would stand in.
    pub fn at_path(&self, path: &str) -> &Node {
        let keys = path.split('.').try_fold(self, |node, key| match &node.value {
            Value::Table(table) => table.iter().find(|e| e.key == key).map(|e| &e.node).ok_or(node),
            _ => Err(node),
        });
        keys.unwrap_or_else(|nearest| nearest)
    }

    /// The text `word` in this list; the node itself when it is no list or holds no such text.
    pub fn word(&self, word: &str) -> &Node {
        let Value::List(nodes) = &self.value else { return self };
        nodes.iter().find(|n| n.value.text().is_some_and(|t| t.trim() == word)).unwrap_or(self)
    }
}

/// What was typed.
#[derive(Debug, Clone)]
pub enum Value {
    /// A string.
    Text(String),
    /// The bare value of an environment variable: a text, a number or a boolean, as its reader wants.
    Word(String),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction, or a whole one too large to count with.
    Number(f64),
    /// `true` or `false`.
    Boolean(bool),
    /// A date or time, which no key takes.
    Date,
    /// A list.
    List(Vec<Node>),
    /// A table.
    Table(Table),
    /// A syntax error, already noted: whoever reads it stays silent.
    Broken,
}

/// Entries in the order in which they were typed.
pub type Table = Vec<Entry>;

/// One `key = value`.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub at: Place,
    /// The value.
    pub node: Node,
}

impl Value {
    /// A text, as typed.
    pub fn text(&self) -> Option<&str> {
        match self {
            Value::Text(text) | Value::Word(text) => Some(text),
            _ => None,
        }
    }

    /// A whole number.
    pub fn integer(&self) -> Option<i64> {
        match self {
            Value::Integer(number) => Some(*number),
            Value::Word(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// Any finite number.
    pub fn number(&self) -> Option<f64> {
        match self {
            Value::Integer(number) => Some(*number as f64),
            Value::Number(number) => Some(*number),
            Value::Word(text) => text.parse().ok(),
            _ => None,
        }
        .filter(|n| n.is_finite())
    }

    /// True or false.
    pub fn boolean(&self) -> Option<bool> {
        match self {
            Value::Boolean(boolean) => Some(*boolean),
            Value::Word(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// What it is, for people.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Text(_) | Value::Word(_) | Value::Broken => "a text",
            Value::Integer(_) => "a whole number",
            Value::Number(_) => "a number",
            Value::Boolean(_) => "true or false",
            Value::Date => "a date without quotes",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
        }
    }
}
