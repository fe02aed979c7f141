//! Owns which programs may work with a ledger of another layout than their own; runs no migration itself.
//!
//! While a fleet is upgraded, old and new programs work side by side on one ledger, and a program that runs goes on when
//! another one changes the layout under it. So a layout only grows. To write the next one:
//!
//! 1. Add `V<n>__<name>.sql` to `sqlite/migrations/` and `postgres/migrations/`, both making the same tables. There is no
//!    way back: a migration is never edited once a shop has it, and never undone.
//! 2. Only add: tables, indexes, and columns that may be NULL or have a default, which programs of the layout before
//!    neither read nor write. What they do use is renamed, dropped or narrowed one layout later, when they are gone. A
//!    column to be replaced is written in both places until then.
//! 3. Close with the oldest layout whose programs still work with this one:
//!    `UPDATE meta SET value = '<m>' WHERE key = 'works_with';` that is `<n> - 1` for what only adds; `<n>` where older
//!    programs must not be started again. Those still running are not stopped by it: stop them before.
//! 4. Name columns in every statement, never `*`: PostgreSQL refuses a prepared statement whose answer has changed its form.
//! 5. Touch few tables in one file. In PostgreSQL it waits for the transactions under way, and is tried again when they
//!    stand in each other's way. In SQLite it waits for the daemon to end.
//! 6. A new word in a row (a state, a reason) is damage to an older program, which then leaves that member alone: write such
//!    words only once no older one is left, unless that is good enough.
//!
//! What the queue carries ([`super::JobRef`]) follows the same rule: a new field is optional, and unknown ones are ignored.

use super::StoreError;

/// A ledger's layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    /// Its number: that of the newest migration.
    pub version: i64,
    /// The oldest number whose programs can work with it.
    pub works_with: i64,
}

impl Layout {
    /// The number of the newest migration, and the oldest whose programs can work with it; both engines say it so. Asked
    /// only where there is a `meta`: the first migration makes it.
    pub const ASKED: &str = "SELECT CAST((SELECT max(version) FROM refinery_schema_history) AS BIGINT), \
        (SELECT value FROM meta WHERE key = 'works_with')";

    /// What the answer says. A layout that does not say whose programs can work with it works with its own only.
    pub fn of(version: i64, works_with: Option<&str>) -> Self {
        Self { version, works_with: works_with.and_then(|text| text.parse().ok()).unwrap_or(version) }
    }

    /// Whether a ledger of this layout, or a new one, has to be migrated before a program that knows layouts up to
    /// `known` can work with it.
    ///
    /// # Errors
    /// When such a program can never work with it: others made it newer than that.
    pub fn is_behind(found: Option<Self>, known: i64) -> Result<bool, StoreError> {
        match found {
            Some(Self { version, works_with }) if works_with > known => {
                Err(StoreError::Newer { found: version, works_with, known })
            }
            found => Ok(found.is_none_or(|layout| layout.version < known)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_works_with_what_works_with_it() {
        let behind = |version, works_with, known| {
            Layout::is_behind(Some(Layout::of(version, works_with)), known).map_err(|error| error.to_string())
        };
        assert!(Layout::is_behind(None, 1).unwrap());
        assert_eq!(behind(2, Some("1"), 3), Ok(true));
        assert_eq!(behind(3, Some("3"), 3), Ok(false));
        assert_eq!(behind(4, Some("3"), 3), Ok(false), "others have added to it");
        let refused = behind(5, Some("4"), 3).unwrap_err();
        assert!(refused.contains("layout 5") && refused.contains("knows 3"), "{refused}");
        assert!(behind(4, None, 3).is_err() && behind(4, Some("?"), 3).is_err(), "it does not say");
    }
}
