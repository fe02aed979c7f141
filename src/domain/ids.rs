//! Owns the identifiers: the shop's string ids, our integer keys, and days; knows nothing of what they name.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Datelike, NaiveDate, TimeZone, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

/// An instant, in UTC; stored as integer milliseconds.
pub type Timestamp = DateTime<Utc>;

macro_rules! string_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The id as the shop (or the TOML) writes it.
            pub fn as_str(&self) -> &str { &self.0 }
        }
        impl From<&str> for $name { fn from(s: &str) -> Self { Self(s.into()) } }
        impl From<String> for $name { fn from(s: String) -> Self { Self(s.into()) } }
        impl fmt::Display for $name { fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.pad(&self.0) } }
        impl fmt::Debug for $name { fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { write!(f, "{:?}", &*self.0) } }
        impl std::borrow::Borrow<str> for $name { fn borrow(&self) -> &str { &self.0 } }
    };
}

string_id!(
    /// A member as the shop names it.
    MemberId
);
string_id!(
    /// An order as the shop names it.
    OrderId
);
string_id!(
    /// A product as the shop names it.
    ProductId
);
string_id!(
    /// A rule, as its `id` in TOML.
    RuleId
);
string_id!(
    /// A channel, as `[channel.NAME]` in the settings.
    ChannelName
);
string_id!(
    /// One turn of an item for a member: the anchor's `order_id`, never a date.
    Cycle
);
string_id!(
    /// A job: also the `webhook-id` and the left part of the Message-ID, equal over retries and restores.
    JobId
);

/// Parts the anchor from the day in the cycle of a reminder that the member asked for.
const AGAIN: &str = "/again-";

impl Cycle {
    /// The turn that a member asked for: to be reminded again on that day of what `anchor` brought.
    pub fn again(anchor: &OrderId, on: Day) -> Self {
        Self::from(format!("{anchor}{AGAIN}{on}"))
    }

    /// The day for which the member asked to be reminded again; none for an ordinary turn.
    pub fn again_on(&self) -> Option<Day> {
        let (_, day) = self.as_str().rsplit_once(AGAIN)?;
        day.parse::<NaiveDate>().ok().map(Day::from)
    }

    /// The anchor's order, where a purchase is behind the turn.
    pub fn anchor(&self) -> &str {
        let whole = self.as_str();
        self.again_on().and_then(|_| whole.rsplit_once(AGAIN)).map_or(whole, |(anchor, _)| anchor)
    }
}

impl ChannelName {
    /// True for the e-mail channel; every other name is a webhook.
    pub fn is_email(&self) -> bool {
        self.as_str() == "email"
    }
}

/// Our integer key of a product, handed out by the store's dictionary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProductKey(pub i64);

/// Our integer key of a label: a category or a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LabelKey(pub i64);

/// A calendar day in the shop's zone, counted from the common era; arithmetic on it is in days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "NaiveDate", from = "NaiveDate")]
pub struct Day(pub i32);

impl Day {
    /// The day that `at` falls on in `zone`.
    pub fn of(at: Timestamp, zone: Tz) -> Self {
        zone.from_utc_datetime(&at.naive_utc()).date_naive().into()
    }

    /// This day moved by `days`, kept inside what a calendar can name.
    pub fn plus(self, days: i32) -> Self {
        Self(self.0.saturating_add(days).clamp(1, 3_000_000))
    }

    /// Days from `earlier` to this day; negative when this day is the earlier one.
    pub fn since(self, earlier: Day) -> i32 {
        self.0.saturating_sub(earlier.0)
    }

    /// The date, for people and for calendars.
    pub fn date(self) -> NaiveDate {
        NaiveDate::from_num_days_from_ce_opt(self.0).unwrap_or(NaiveDate::MAX)
    }
}

impl From<NaiveDate> for Day {
    fn from(date: NaiveDate) -> Self {
        Self(date.num_days_from_ce())
    }
}

impl From<Day> for NaiveDate {
    fn from(day: Day) -> Self {
        day.date()
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.date().fmt(f)
    }
}
