//! Owns how order lines become the backtest's columns; knows nothing of scores.

use std::collections::HashMap;

use chrono_tz::Tz;

use super::Lines;
use crate::domain::catalog::Level;
use crate::domain::ids::{Day, Timestamp};
use crate::intake::{IntakeError, OrderRow, Reading, Source, each_order};

/// Order lines on their way into columns: ids become small numbers as they come.
pub struct Collector {
    level: Level,
    zone: Tz,
    lines: Lines,
    members: HashMap<Box<str>, u32>,
    items: HashMap<Box<str>, u32>,
    parents: HashMap<Box<str>, u32>,
    /// The member and the time that came last, and what they became: the lines of an order share them.
    member: (String, u32),
    day: (Timestamp, i32),
}

impl Collector {
    /// For items of `level`, days counted in `zone`. A file knows no groups: each product is its own.
    pub fn new(level: Level, zone: Tz) -> Self {
        let at = Timestamp::default();
        Self {
            level,
            zone,
            lines: Lines::default(),
            members: HashMap::new(),
            items: HashMap::new(),
            parents: HashMap::new(),
            member: (String::new(), 0),
            day: (at, Day::of(at, zone).0),
        }
    }

    /// Reads the purchases of one file; rows that are no record are passed over. `progress` hears the bytes read.
    ///
    /// # Errors
    /// When the file cannot be read at all.
    pub fn read(
        &mut self,
        source: &Source,
        reading: &Reading,
        progress: &dyn Fn(u64),
    ) -> Result<(), IntakeError> {
        each_order(source, reading, progress, |row| match row {
            Ok(line) if line.counted && !line.gift => self.add(&line),
            _ => {}
        })
    }

    /// The columns.
    pub fn finish(self) -> Lines {
        self.lines
    }

    fn add(&mut self, line: &OrderRow<'_>) {
        let category = line.category.unwrap_or_default();
        let (item, parent) = match self.level {
            Level::Product | Level::Group => (line.product, Some(category)),
            Level::Category if category.is_empty() => return,
            Level::Category => (category, None),
            Level::Member => ("", None),
        };
        let item = match self.items.get(item) {
            Some(item) => *item,
            None => self.new_item(item, parent),
        };
        if self.member.0 != line.member {
            self.member = (line.member.to_owned(), number(&mut self.members, line.member));
        }
        if self.day.0 != line.ordered_at {
            self.day = (line.ordered_at, Day::of(line.ordered_at, self.zone).0);
        }
        self.lines.member.push(self.member.1);
        self.lines.item.push(item);
        self.lines.day.push(self.day.1);
        self.lines.quantity.push(line.quantity);
    }

    fn new_item(&mut self, item: &str, parent: Option<&str>) -> u32 {
        self.lines.parents.push(parent.map(|text| number(&mut self.parents, text)));
        number(&mut self.items, item)
    }
}

/// The number of a text: that of its first coming.
fn number(numbers: &mut HashMap<Box<str>, u32>, text: &str) -> u32 {
    let next = numbers.len() as u32;
    *numbers.entry(text.into()).or_insert(next)
}
