//! Owns the rate: so many in so long; knows nothing of what is counted, or where.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

/// At most so many in so long, spread evenly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    count: NonZeroU32,
    per: Period,
}

/// What a rate is counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Period {
    Second,
    Minute,
    Hour,
    Day,
}

/// One in so long, at least: rates above a million a second are no rates.
const FASTEST: u32 = 1_000_000;
/// What may go at once is what a tenth of a second allows: timers are not finer than a millisecond.
const BURST: Duration = Duration::from_millis(100);

impl Rate {
    /// Reads `20/s`, `600/m`, `1000/h`, `5000/d`; `None` when it is none of these.
    pub fn parse(text: &str) -> Option<Self> {
        let (count, per) = text.split_once('/')?;
        let per = match per.trim() {
            "s" => Period::Second,
            "m" => Period::Minute,
            "h" => Period::Hour,
            "d" => Period::Day,
            _ => return None,
        };
        let count = count.trim().parse().ok().filter(|count: &NonZeroU32| count.get() <= FASTEST)?;
        Some(Self { count, per })
    }

    /// The time between two.
    pub fn interval(self) -> Duration {
        self.per.length() / self.count.get()
    }

    /// How many may go at once after a pause: what a tenth of a second allows, at least one.
    pub fn burst(self) -> NonZeroU32 {
        let at_once = BURST.as_nanos() / self.interval().as_nanos().max(1);
        u32::try_from(at_once).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN)
    }
}

impl Period {
    fn length(self) -> Duration {
        Duration::from_secs(match self {
            Period::Second => 1,
            Period::Minute => 60,
            Period::Hour => 3_600,
            Period::Day => 86_400,
        })
    }

    fn sign(self) -> char {
        match self {
            Period::Second => 's',
            Period::Minute => 'm',
            Period::Hour => 'h',
            Period::Day => 'd',
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.count, self.per.sign())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_read_and_written_alike() {
        for text in ["20/s", "600/m", "1000/h", "5000/d", "1000000/s"] {
            assert_eq!(Rate::parse(text).unwrap().to_string(), text);
        }
        for wrong in ["", "20", "0/s", "-1/s", "20/w", "1.5/s", "20/", "/s", "1000001/s"] {
            assert_eq!(Rate::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn bursts_are_a_tenth_of_a_second() {
        let of =
            |text: &str| (Rate::parse(text).unwrap().interval(), Rate::parse(text).unwrap().burst().get());
        assert_eq!(of("20/s"), (Duration::from_millis(50), 2));
        assert_eq!(of("3000/s"), (Duration::from_nanos(333_333), 300));
        assert_eq!(of("10/m"), (Duration::from_secs(6), 1));
        assert_eq!(of("24/d"), (Duration::from_secs(3_600), 1));
    }
}
