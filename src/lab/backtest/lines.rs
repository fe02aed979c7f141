//! Owns how order records become the backtest's columns; knows nothing of scores.

use std::collections::HashMap;

use chrono_tz::Tz;

use super::Lines;
use crate::domain::catalog::Level;
use crate::domain::ids::{Day, MemberId};
use crate::domain::order::OrderLine;
use crate::intake::{IntakeError, Reading, Source, read};

/// Records handed over at a time.
const CHUNK: usize = 10_000;

/// Order lines on their way into columns: ids become small numbers as they come.
pub struct Collector {
    level: Level,
    zone: Tz,
    lines: Lines,
    members: HashMap<MemberId, u32>,
    items: HashMap<String, u32>,
    parents: HashMap<String, u32>,
}

impl Collector {
    /// For items of `level`, days counted in `zone`. A file knows no groups: each product is its own.
    pub fn new(level: Level, zone: Tz) -> Self {
        let (members, items, parents) = (HashMap::new(), HashMap::new(), HashMap::new());
        Self { level, zone, lines: Lines::default(), members, items, parents }
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
        read::<OrderLine, IntakeError>(source, reading, CHUNK, progress, |chunk| {
            chunk.iter().filter(|line| line.counted && !line.gift).for_each(|line| self.add(line));
            Ok(())
        })
    }

    /// The columns.
    pub fn finish(self) -> Lines {
        self.lines
    }

    fn add(&mut self, line: &OrderLine) {
        let category = line.category.as_deref().unwrap_or_default();
        let (item, parent) = match self.level {
            Level::Product | Level::Group => (line.product.as_str(), Some(category)),
            Level::Category if category.is_empty() => return,
            Level::Category => (category, None),
            Level::Member => ("", None),
        };
        let item = match self.items.get(item) {
            Some(item) => *item,
            None => self.new_item(item, parent),
        };
        let next = self.members.len() as u32;
        let member = *self.members.entry(line.member.clone()).or_insert(next);
        self.lines.member.push(member);
        self.lines.item.push(item);
        self.lines.day.push(Day::of(line.ordered_at, self.zone).0);
        self.lines.quantity.push(line.quantity);
    }

    fn new_item(&mut self, item: &str, parent: Option<&str>) -> u32 {
        let next = self.parents.len() as u32;
        let parent = parent.map(|text| *self.parents.entry(text.to_owned()).or_insert(next));
        let number = self.lines.parents.len() as u32;
        self.lines.parents.push(parent);
        self.items.insert(item.to_owned(), number);
        number
    }
}
