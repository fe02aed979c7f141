//! Times in every form, the forms that must be declared, and what is no time.

use chrono_tz::{America::New_York, Asia::Taipei};
use proptest::prelude::*;

use super::*;

fn times(zone: Tz) -> Times {
    written(zone, DateFormat::Ymd)
}

fn written(zone: Tz, format: DateFormat) -> Times {
    Times::new(zone, "2026-03-03T15:59:59Z".parse().unwrap(), format, false)
}

fn utc(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn times_are_read_as_people_write_them() {
    let cases = [
        ("2026-03-02", "2026-03-01T16:00:00Z"),
        ("2026/3/2", "2026-03-01T16:00:00Z"),
        ("2026-3-2", "2026-03-01T16:00:00Z"),
        ("20260302", "2026-03-01T16:00:00Z"),
        ("2026-03-02T15:20", "2026-03-02T07:20:00Z"),
        ("2026-03-02 15:20", "2026-03-02T07:20:00Z"),
        ("2026/03/02 15:20", "2026-03-02T07:20:00Z"),
        ("2026/3/2 9:05:07", "2026-03-02T01:05:07Z"),
        ("2026-03-02T15:20:07", "2026-03-02T07:20:07Z"),
        ("2026-03-02T15:20:07.5", "2026-03-02T07:20:07.500Z"),
        ("2026-03-02T15:20:07,123456789", "2026-03-02T07:20:07.123Z"),
        ("2026-03-02T15:20:07Z", "2026-03-02T15:20:07Z"),
        ("2026-03-02t15:20z", "2026-03-02T15:20:00Z"),
        ("2026-03-02T15:20:07+09:00", "2026-03-02T06:20:07Z"),
        ("2026-03-02T15:20:07-0330", "2026-03-02T18:50:07Z"),
        ("2026-03-02T15:20+02", "2026-03-02T13:20:00Z"),
        ("2025-10-07 09:50:26 +0200", "2025-10-07T07:50:26Z"),
        ("1990-01-01", "1989-12-31T16:00:00Z"),
        ("2024-02-29", "2024-02-28T16:00:00Z"),
        ("2026-03-03 23:59:59", "2026-03-03T15:59:59Z"),
        ("2026.03.02", "2026-03-01T16:00:00Z"),
        ("2026年3月2日", "2026-03-01T16:00:00Z"),
        ("2026年03月02日 15:20", "2026-03-02T07:20:00Z"),
        ("2026/03/02 下午 03:20", "2026-03-02T07:20:00Z"),
        ("2026/03/02 下午03:20:07", "2026-03-02T07:20:07Z"),
        ("2026/3/2下午3:20", "2026-03-02T07:20:00Z"),
        ("2026/03/02 上午 09:05", "2026-03-02T01:05:00Z"),
        ("2026/03/02 上午 12:05", "2026-03-01T16:05:00Z"),
        ("2026/03/02 下午 12:05", "2026-03-02T04:05:00Z"),
        ("2026-03-02 3:20 PM", "2026-03-02T07:20:00Z"),
        ("2026-03-02, 03:20:07 pm", "2026-03-02T07:20:07Z"),
        ("2026-03-02 3:20 p.m. +0000", "2026-03-02T15:20:00Z"),
        ("2026-03-02 07:20:07 UTC", "2026-03-02T07:20:07Z"),
        ("=\"2026-03-02\"", "2026-03-01T16:00:00Z"),
        ("'2026-03-02", "2026-03-01T16:00:00Z"),
    ];
    let mut times = times(Taipei);
    for (text, expected) in cases {
        assert_eq!(times.past(text), Ok(utc(expected)), "{text}");
        assert!(times.past("never").is_err());
        assert_eq!(times.past(text), Ok(utc(expected)), "{text} again");
    }
}

#[test]
fn what_is_no_time_is_rejected() {
    let cases = [
        "",
        "yesterday",
        "2026",
        "2026-03",
        "2026-13-01",
        "2026-02-30",
        "2026-03/02",
        "03/02/2026",
        "115/03/02",
        "26-03-02",
        "0115-03-02",
        "1989-12-31",
        "2026-03-02T",
        "2026-03-02T15",
        "2026-03-02T24:00",
        "2026-03-02 15:60",
        "2026-03-02 15:20:60",
        "2026-03-02 15:20:07.",
        "2026-03-02 15:20 +8",
        "2026-03-02 15:20 +16:00",
        "2026-03-02 15:20 +08:0",
        "2026-03-02 15:20 +08:",
        "2026-03-02 15:20 PM",
        "2026-03-02 下午 03:20 PM",
        "2026-03-02 下午",
        "2026-03-02下03:20",
        "2026-03-02,",
        "2026年3月2",
        "2026年3/2",
        "民國115年3月2日",
        "1150302",
        "2026-03-02x15:20",
        "2026-03-02 15:20Z+08:00",
        "2026030",
        "202603021",
        "2026-03-04",
        "2026-03-04 00:00",
        "9999-12-31",
        "2026-03-02T15:20:07+",
        "２０２６-03-02",
        "-2026-03-02",
        "45000",
    ];
    let mut times = times(Taipei);
    for text in cases {
        assert!(times.past(text).is_err(), "{text}");
    }
    assert!(times.any("9999-12-31 23:59 -0100").is_ok());
}

#[test]
fn what_can_be_mistaken_is_read_as_declared() {
    use DateFormat::*;
    let cases = [
        (Mdy, "03/02/2026", "2026-03-01T16:00:00Z"),
        (Mdy, "2/13/2026 3:20 PM", "2026-02-13T07:20:00Z"),
        (Mdy, "3-2-2026", "2026-03-01T16:00:00Z"),
        (Dmy, "02/03/2026", "2026-03-01T16:00:00Z"),
        (Dmy, "13.2.2026 15:20", "2026-02-13T07:20:00Z"),
        (Roc, "115/03/02", "2026-03-01T16:00:00Z"),
        (Roc, "115-3-2 下午 3:20", "2026-03-02T07:20:00Z"),
        (Roc, "1150302", "2026-03-01T16:00:00Z"),
        (Roc, "990302 15:20", "2010-03-02T07:20:00Z"),
        (Roc, "99.3.2", "2010-03-01T16:00:00Z"),
        (Roc, "民國115年3月2日", "2026-03-01T16:00:00Z"),
        (Roc, "中華民國 115 年 3 月 2 日", ""),
        (Roc, "115年3月2日", "2026-03-01T16:00:00Z"),
        (Mdy, "13/02/2026", ""),
        (Dmy, "02/13/2026", ""),
        (Mdy, "3/2/26", ""),
        (Mdy, "3/2-2026", ""),
        (Roc, "03/02/2026", ""),
        (Roc, "78/12/31", ""),
        (Roc, "115/2/30", ""),
        (Roc, "11503022", ""),
        (Roc, "11503", ""),
    ];
    for (format, text, expected) in cases {
        let read = written(Taipei, format).past(text).ok();
        assert_eq!(read, (!expected.is_empty()).then(|| utc(expected)), "{text}");
    }
    for format in DateFormat::ALL {
        for text in ["2026-03-02", "2026/3/2", "20260302", "2026年3月2日"] {
            assert_eq!(written(Taipei, format).past(text), Ok(utc("2026-03-01T16:00:00Z")), "{text}");
        }
    }
}

#[test]
fn the_days_of_a_spreadsheet_are_times_in_a_workbook_only() {
    let read = |text, is_workbook| {
        let latest = "2026-03-03T15:59:59Z".parse().unwrap();
        Times::new(Taipei, latest, DateFormat::Ymd, is_workbook).past(text).ok()
    };
    assert_eq!(read("46083", true), Some(utc("2026-03-01T16:00:00Z")));
    assert_eq!(read("46083.6388888889", true), Some(utc("2026-03-02T07:20:00Z")));
    for (text, is_workbook) in
        [("46083", false), ("46085.5", true), ("20000", true), ("1E5", true), ("-46083", true)]
    {
        assert_eq!(read(text, is_workbook), None, "{text}");
    }
}

#[test]
fn what_is_not_read_is_seen_for_what_it_is() {
    use DateFormat::*;
    let looks = |declared, texts: &[&str]| -> Vec<(Vec<DateFormat>, u64, String)> {
        let mut times = written(Taipei, declared);
        for text in texts {
            let _ = times.past(text);
        }
        assert_eq!(times.looks.all, texts.len() as u64);
        times.looks.unread.into_iter().map(|look| (look.forms, look.times, look.example)).collect()
    };
    let seen = |forms: &[DateFormat], times, example: &str| (forms.to_vec(), times, example.to_owned());
    assert_eq!(
        looks(Ymd, &["03/02/2026", "2026-03-02", "03/01/2026 9:00", "13/02/2026", "never", "03/02/2026"]),
        [seen(&[Mdy, Dmy], 3, "03/02/2026"), seen(&[Dmy], 1, "13/02/2026")]
    );
    assert_eq!(looks(Mdy, &["13/02/2026", "03/02/2026"]), [seen(&[Dmy], 1, "13/02/2026")]);
    assert_eq!(looks(Ymd, &["115/03/02", "1150302"]), [seen(&[Roc], 2, "115/03/02")]);
    assert_eq!(looks(Ymd, &["46083.5", "yesterday"]), [seen(&[], 1, "46083.5")]);
    assert_eq!(looks(Roc, &["115/03/02", "2026-03-02", "12345678"]), []);
}

#[test]
fn summer_time_is_the_zones() {
    let cases = [
        ("2025-03-09 01:59", "2025-03-09T06:59:00Z"),
        ("2025-03-09 02:30", "2025-03-09T07:00:00Z"), // skipped: the first instant after the gap
        ("2025-03-09 03:00", "2025-03-09T07:00:00Z"),
        ("2025-03-08 12:00", "2025-03-08T17:00:00Z"),
        ("2025-11-02 01:30", "2025-11-02T05:30:00Z"), // twice: the earlier one
        ("2025-11-03", "2025-11-03T05:00:00Z"),
        ("2025-07-01", "2025-07-01T04:00:00Z"),
    ];
    let mut times = times(New_York);
    for (text, expected) in cases {
        assert_eq!(times.past(text), Ok(utc(expected)), "{text}");
    }
}

proptest! {
    #[test]
    fn the_offset_of_a_day_is_that_of_all_its_instants(minutes in 0..52_000_000i64, zone in 0..chrono_tz::TZ_VARIANTS.len()) {
        let zone = chrono_tz::TZ_VARIANTS[zone];
        let local = NaiveDate::from_ymd_opt(1990, 1, 1).unwrap().and_time(NaiveTime::MIN) + TimeDelta::minutes(minutes);
        let read = times(zone).any(&local.format("%Y-%m-%d %H:%M").to_string());
        prop_assert_eq!(read, Ok(instant(zone, local.date(), local.time())));
    }

    #[test]
    fn no_text_panics(text in "\\PC*|[0-9T:+Z/. 年月日民國上下午AMP-]{0,30}") {
        for format in DateFormat::ALL {
            let _ = written(Taipei, format).any(&text);
        }
    }
}
