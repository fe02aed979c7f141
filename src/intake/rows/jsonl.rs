//! Owns JSON lines: one object a line, its members the cells; knows nothing of what the cells mean.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::lines::{LONGEST, Lines};
use super::{Bad, Row, named};
use crate::intake::columns::{Columns, Shape, Slots};
use crate::intake::{IntakeError, Reject};

/// The rows of a JSON lines file.
pub struct JsonRows<'a> {
    pub(super) lines: Lines<'a>,
    raw: Vec<u8>,
    columns: Columns<'a>,
    /// The member names of the last object, sorted, and where the fields are among them: objects are mostly alike.
    last: (Vec<String>, Slots),
    /// For each field the member names that it first came by.
    pub names: Vec<Vec<String>>,
    /// Member names that stand for no field, the first hundred.
    pub unknown: BTreeSet<String>,
}

impl<'a> JsonRows<'a> {
    /// The rows of these lines.
    pub fn new(lines: Lines<'a>, columns: Columns<'a>) -> Self {
        let none = vec![Vec::new(); columns.fields().len()];
        let (last, names) = ((Vec::new(), none), vec![Vec::new(); columns.fields().len()]);
        Self { lines, raw: Vec::new(), columns, last, names, unknown: BTreeSet::new() }
    }

    /// Fills `row` with the next one.
    pub fn next(&mut self, row: &mut Row) -> Result<Option<Result<(), Bad>>, IntakeError> {
        Ok(self.lines.next_row(&mut self.raw)?.then(|| self.fill(row)))
    }

    /// Rejects the row read last.
    pub fn reject(&self, reason: Bad) -> Reject {
        Reject::new(self.lines.count(), reason, &self.raw)
    }

    fn fill(&mut self, row: &mut Row) -> Result<(), Bad> {
        if self.raw.len() >= LONGEST {
            return Err(format!("is longer than {LONGEST} bytes"));
        }
        let object: Map<String, Value> =
            serde_json::from_str(self.lines.text(&self.raw)?).map_err(not_an_object)?;
        if !self.last.0.iter().eq(object.keys()) {
            self.look_up(&object)?;
        }
        let values: Vec<&Value> = object.values().collect();
        row.start("", self.last.1.len());
        for (slot, (field, columns)) in self.columns.fields().iter().zip(&self.last.1).enumerate() {
            for value in columns.iter().filter_map(|column| values.get(*column)) {
                if row.is_blank(slot) {
                    row.put(slot, |into| write_cell(value, field.shape, into))
                        .map_err(|e| format!("{}: {e}", field.name))?;
                }
            }
        }
        Ok(())
    }

    fn look_up(&mut self, object: &Map<String, Value>) -> Result<(), Bad> {
        let names: Vec<String> = object.keys().cloned().collect();
        let slots = self.columns.find(&names)?;
        for (column, name) in names.iter().enumerate() {
            if self.unknown.len() < 100 && !slots.iter().any(|columns| columns.contains(&column)) {
                self.unknown.insert(name.clone());
            }
        }
        for (first, found) in self.names.iter_mut().zip(named(&slots, &names)) {
            if first.is_empty() {
                *first = found;
            }
        }
        self.last = (names, slots);
        Ok(())
    }
}

fn not_an_object(error: serde_json::Error) -> Bad {
    let text = error.to_string();
    let what = text.split(" at line ").next().unwrap_or_default();
    format!("is not one JSON object: {what} at its column {}", error.column())
}

/// Writes a value as the CSV cell that says the same; null as an empty one.
fn write_cell(value: &Value, shape: Shape, into: &mut String) -> Result<(), Bad> {
    match (value, shape) {
        (Value::Array(elements), Shape::List | Shape::Pairs(_)) => {
            write_parts(elements.iter().map(|element| (None, element)), into)
        }
        (Value::Object(members), Shape::Pairs(sign)) => {
            write_parts(members.iter().map(|(name, value)| (Some((name, sign)), value)), into)
        }
        _ => write_scalar(value, into),
    }
}

fn write_parts<'v>(
    parts: impl Iterator<Item = (Option<(&'v String, char)>, &'v Value)>,
    into: &mut String,
) -> Result<(), Bad> {
    for (name, value) in parts {
        let start = into.len();
        if let Some((name, sign)) = name {
            if name.contains(sign) {
                return Err(format!("the name `{name}` holds `{sign}`"));
            }
            into.extend([name.as_str(), sign.encode_utf8(&mut [0; 4])]);
        }
        write_scalar(value, into)?;
        if into.get(start..).is_some_and(|part| part.contains(';')) {
            return Err(format!("`{}` holds `;`", &into[start..]));
        }
        into.push(';');
    }
    Ok(())
}

fn write_scalar(value: &Value, into: &mut String) -> Result<(), Bad> {
    match value {
        Value::Null => {}
        Value::String(text) => into.push_str(text),
        Value::Number(number) => drop(write!(into, "{number}")),
        Value::Bool(flag) => into.push_str(if *flag { "true" } else { "false" }),
        Value::Array(_) => return Err("is an array where one value belongs".to_owned()),
        Value::Object(_) => return Err("is an object where one value belongs".to_owned()),
    }
    Ok(())
}
