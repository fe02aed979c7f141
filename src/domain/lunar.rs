//! Owns the days of the Chinese lunar calendar, from 2000 to 2060; knows nothing of what falls on them.

use chrono::{NaiveDate, TimeDelta};

/// The first year of [`YEARS`].
const FIRST: i32 = 2000;

/// A word for each lunar year. Bits 0 to 12: which of its months, leap month included, have 30 days, others have 29;
/// bits 13 to 16: after which month the leap month stands, 0 for none; from bit 17: days from 1 January to its first day.
/// Computed by the rules of GB/T 33661-2017 with the ephemeris of Shouxing Wannianli (sxtwl 2.0.7), and found equal day
/// by day to the tables of the Hong Kong Observatory as lunardate 0.3.0 has them.
#[rustfmt::skip]
const YEARS: [u32; 61] = [
    0x460693, 0x2E952B, 0x54052B, 0x3E0A5B, 0x2A555A, 0x4E056A, 0x38FB55, 0x600BA4, 0x4A0B49, 0x32BA93,
    0x580A95, 0x42052D, 0x2C8AAD, 0x500AB5, 0x3D35AA, 0x6205D2, 0x4C0DA5, 0x36DD4A, 0x5C0D4A, 0x460C95,
    0x30952E, 0x540556, 0x3E0AB5, 0x2A55B2, 0x5006D2, 0x38CEA5, 0x5E0725, 0x48064B, 0x32AC97, 0x560CAB,
    0x42055A, 0x2C6AD6, 0x520B69, 0x3D7752, 0x620B52, 0x4C0B25, 0x36DA4B, 0x5A0A4B, 0x4404AB, 0x2EA55B,
    0x5405AD, 0x3E0B6A, 0x2A5B52, 0x500D92, 0x3AFD25, 0x5E0D25, 0x480A55, 0x32B4AD, 0x5804B6, 0x4005B5,
    0x2C6DAA, 0x520EC9, 0x3F1E92, 0x620E92, 0x4C0D26, 0x36CA56, 0x5A0A57, 0x440556, 0x2E86D5, 0x540755,
    0x400749,
];

/// The date of a lunar month and day in the lunar year that begins in `year`; the last day of the month where it is
/// shorter. A leap month is never meant. `None` outside the table.
pub fn date(year: i32, month: u32, day: u32) -> Option<NaiveDate> {
    let word = *YEARS.get(usize::try_from(year - FIRST).ok()?)?;
    let new_year = NaiveDate::from_ymd_opt(year, 1, 1)? + TimeDelta::days(i64::from(word >> 17));
    let leap = word >> 13 & 15;
    // A month after the leap month stands one place further back.
    let place = month - 1 + u32::from(leap != 0 && month > leap);
    let length = |place: u32| 29 + (word >> place & 1);
    let before: u32 = (0..place).map(length).sum();
    Some(new_year + TimeDelta::days(i64::from(before + day.min(length(place)) - 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(text: &str) -> Option<NaiveDate> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn feasts_fall_on_their_days() {
        // New Year, Dragon Boat, Mid-Autumn as the Hong Kong Observatory publishes them
        let years = [
            (2020, "2020-01-25", "2020-06-25", "2020-10-01"),
            (2023, "2023-01-22", "2023-06-22", "2023-09-29"),
            (2024, "2024-02-10", "2024-06-10", "2024-09-17"),
            (2025, "2025-01-29", "2025-05-31", "2025-10-06"),
            (2026, "2026-02-17", "2026-06-19", "2026-09-25"),
            (2027, "2027-02-06", "2027-06-09", "2027-09-15"),
            (2033, "2033-01-31", "2033-06-01", "2033-09-08"),
        ];
        for (year, new_year, dragon_boat, mid_autumn) in years {
            assert_eq!(date(year, 1, 1), on(new_year));
            assert_eq!(date(year, 5, 5), on(dragon_boat));
            assert_eq!(date(year, 8, 15), on(mid_autumn));
        }
    }

    #[test]
    fn every_year_ends_where_the_next_begins() {
        for year in FIRST..FIRST + 60 {
            let last = date(year, 12, 30).unwrap();
            assert_eq!(last.succ_opt(), date(year + 1, 1, 1), "{year}");
        }
        assert_eq!((date(1999, 1, 1), date(2061, 1, 1)), (None, None));
    }
}
