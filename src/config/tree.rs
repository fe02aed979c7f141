//! Owns what was typed, as a tree in which every key and value knows its place; knows nothing of what keys mean.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

use crate::domain::problem::Problem;

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
        let Place { file, line, column } = at.clone();
        let problem =
            Problem { file: file.to_string(), line, column, message: message.into(), help: help.into() };
        self.0.borrow_mut().push(problem);
    }

    /// The value, unless something was wrong; the problems come sorted by file, line and column.
    pub fn or<T>(self, value: Option<T>) -> Result<T, Vec<Problem>> {
        let mut found = self.0.into_inner();
        found.sort();
        match value {
            Some(value) if found.is_empty() => Ok(value),
            _ => Err(found),
        }
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
            Value::Date => "a date",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
        }
    }
}
