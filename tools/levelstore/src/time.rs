//! Times and durations as people write and read them: Unix seconds, RFC 3339, Go durations.

use std::time::Duration;

const SECONDS_PER_DAY: i64 = 86_400;

/// Why a text is no point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TimeError {
    #[error("neither Unix seconds nor RFC 3339, like 2023-11-14T22:13:20Z")]
    Form,
    #[error("no such day or time of day")]
    Calendar,
}

/// Unix seconds from Unix seconds or RFC 3339. Fractions of a second are cut off; there is no second
/// 60, as Unix seconds have no leap second.
pub(crate) fn parse(text: &str) -> Result<i64, TimeError> {
    if let Ok(seconds) = text.parse() {
        return Ok(seconds);
    }
    let mut rest = text.as_bytes();
    let year = number(&mut rest, 4)?;
    expect(&mut rest, b"-")?;
    let month = number(&mut rest, 2)?;
    expect(&mut rest, b"-")?;
    let day = number(&mut rest, 2)?;
    expect(&mut rest, b"Tt ")?;
    let hour = number(&mut rest, 2)?;
    expect(&mut rest, b":")?;
    let minute = number(&mut rest, 2)?;
    expect(&mut rest, b":")?;
    let second = number(&mut rest, 2)?;
    skip_fraction(&mut rest)?;
    let ahead = offset(&mut rest)?;

    let days = days(year, month, day);
    let is_date = civil(days) == (year, month, day);
    let is_time = hour < 24 && minute < 60 && second < 60;
    let seconds = days * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second - ahead;
    if rest.is_empty() {
        (is_date && is_time).then_some(seconds).ok_or(TimeError::Calendar)
    } else {
        Err(TimeError::Form)
    }
}

fn number(rest: &mut &[u8], digits: usize) -> Result<i64, TimeError> {
    let (digits, behind) = rest.split_at_checked(digits).ok_or(TimeError::Form)?;
    *rest = behind;
    digits.iter().try_fold(0, |number, digit| match digit {
        b'0'..=b'9' => Ok(number * 10 + i64::from(digit - b'0')),
        _ => Err(TimeError::Form),
    })
}

fn expect(rest: &mut &[u8], one_of: &[u8]) -> Result<u8, TimeError> {
    let (&byte, behind) = rest.split_first().ok_or(TimeError::Form)?;
    *rest = behind;
    if one_of.contains(&byte) { Ok(byte) } else { Err(TimeError::Form) }
}

fn skip_fraction(rest: &mut &[u8]) -> Result<(), TimeError> {
    if let Some(fraction) = rest.strip_prefix(b".") {
        let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
        *rest = &fraction[digits..];
        if digits == 0 {
            return Err(TimeError::Form);
        }
    }
    Ok(())
}

/// How many seconds the zone's clocks are ahead of UTC.
fn offset(rest: &mut &[u8]) -> Result<i64, TimeError> {
    let sign = match expect(rest, b"Zz+-")? {
        b'+' => 1,
        b'-' => -1,
        _ => return Ok(0),
    };
    let hours = number(rest, 2)?;
    expect(rest, b":")?;
    let minutes = number(rest, 2)?;
    let is_offset = hours < 24 && minutes < 60;
    is_offset.then_some(sign * (hours * 3600 + minutes * 60)).ok_or(TimeError::Calendar)
}

/// Why a text is no Go duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DurationError {
    #[error("no duration, like 48h or 1h30m")]
    Form,
    #[error("a unit is missing: ns, us, ms, s, m or h, as in 48h")]
    NoUnit,
    #[error("unknown unit {0:?}: there are ns, us, ms, s, m and h")]
    Unit(String),
    #[error("longer than 292 years")]
    TooLong,
}

const NANOSECONDS_LIMIT: u64 = 1 << 63;

/// Nanoseconds of a Go duration, by the rules of its `time.ParseDuration`: numbers with fractions and
/// units (`1h30m`, `1.5h`, `-1m`), or a bare `0`. The one difference: where the sum of the parts
/// overflows to zero there, it is too long here.
pub(crate) fn parse_duration_ns(text: &str) -> Result<i64, DurationError> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if unsigned == "0" {
        return Ok(0);
    }
    if unsigned.is_empty() {
        return Err(DurationError::Form);
    }
    let (mut total, mut rest) = (0_u64, unsigned);
    while !rest.is_empty() {
        let part = duration_part(&mut rest)?;
        total = total.checked_add(part).ok_or(DurationError::TooLong)?;
    }
    let signed = if text.starts_with('-') {
        0_i64.checked_sub_unsigned(total)
    } else {
        total.try_into().ok()
    };
    signed.ok_or(DurationError::TooLong)
}

/// A Go duration of at least a second, in whole seconds.
pub(crate) fn parse_seconds(text: &str) -> Result<i64, String> {
    let nanoseconds = parse_duration_ns(text).map_err(|error| error.to_string())?;
    let seconds = nanoseconds / 1_000_000_000;
    if seconds >= 1 { Ok(seconds) } else { Err("less than a second".into()) }
}

/// One number with its unit.
fn duration_part(rest: &mut &str) -> Result<u64, DurationError> {
    let whole = take_while(rest, |byte| byte.is_ascii_digit());
    let mut fraction = "";
    if let Some(behind) = rest.strip_prefix('.') {
        *rest = behind;
        fraction = take_while(rest, |byte| byte.is_ascii_digit());
    }
    if whole.is_empty() && fraction.is_empty() {
        return Err(DurationError::Form);
    }
    let unit = match take_while(rest, |byte| byte != b'.' && !byte.is_ascii_digit()) {
        "" => return Err(DurationError::NoUnit),
        "ns" => 1,
        // The micro sign and the Greek letter look the same.
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        unknown => return Err(DurationError::Unit(unknown.into())),
    };
    let whole = if whole.is_empty() { Ok(0) } else { whole.parse::<u64>() };
    let whole = whole.ok().and_then(|whole| whole.checked_mul(unit));
    let nanoseconds = whole.and_then(|whole| whole.checked_add(fraction_of(fraction, unit)));
    nanoseconds.filter(|ns| *ns <= NANOSECONDS_LIMIT).ok_or(DurationError::TooLong)
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "Go computes the fraction so, and a duration must be the same here; it is below one unit"
)]
fn fraction_of(digits: &str, unit: u64) -> u64 {
    let (mut fraction, mut scale) = (0_u64, 1.0_f64);
    for digit in digits.bytes().map(|byte| u64::from(byte - b'0')) {
        if fraction > (NANOSECONDS_LIMIT - 1) / 10 || fraction * 10 + digit > NANOSECONDS_LIMIT {
            break;
        }
        fraction = fraction * 10 + digit;
        scale *= 10.0;
    }
    (fraction as f64 * (unit as f64 / scale)) as u64
}

fn take_while<'a>(rest: &mut &'a str, of_it: impl Fn(u8) -> bool) -> &'a str {
    let end = rest.bytes().position(|byte| !of_it(byte)).unwrap_or(rest.len());
    // The first byte that ends a part is ASCII, so this is no cut through a character.
    let (taken, behind) = rest.split_at(end);
    *rest = behind;
    taken
}

/// `48h`, `1h30m`, `1m0.5s`: as short as Go reads it.
pub(crate) fn show_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let fraction = format!("{:09}", duration.subsec_nanos());
    let second = match fraction.trim_end_matches('0') {
        "" => format!("{}s", seconds % 60),
        fraction => format!("{}.{fraction}s", seconds % 60),
    };
    let parts = [format!("{}h", seconds / 3600), format!("{}m", seconds / 60 % 60), second];
    let shown = parts.into_iter().filter(|part| !part.starts_with('0') || part.contains('.'));
    let shown = shown.collect::<String>();
    if shown.is_empty() { "0s".into() } else { shown }
}

/// `2023-11-14T22:13:20Z`; for years that have no four digits, the number of seconds.
pub(crate) fn utc(seconds: i64) -> String {
    let (days, second) = (seconds.div_euclid(SECONDS_PER_DAY), seconds.rem_euclid(SECONDS_PER_DAY));
    let (year, month, day) = civil(days);
    if !(0..=9999).contains(&year) {
        return seconds.to_string();
    }
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar. Years are
/// counted from March on, so that the leap day is the last of its year.
fn civil(days: i64) -> (i64, i64, i64) {
    const DAYS_PER_ERA: i64 = 146_097; // 400 years
    let days = days + 719_468; // from 0000-03-01
    let (era, day) = (days.div_euclid(DAYS_PER_ERA), days.rem_euclid(DAYS_PER_ERA));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + i64::from(month <= 2), month, day)
}

/// The inverse of [`civil`]. What is no day of the calendar comes out as another day.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
    let day = (153 * month + 2) / 5 + day - 1;
    era * 146_097 + year * 365 + year / 4 - year / 100 + day - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        // By `date -u -d @N`.
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_700_000_000, "2023-11-14T22:13:20Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (i64::MAX, "9223372036854775807"),
            (i64::MIN, "-9223372036854775808"),
        ] {
            assert_eq!(utc(seconds), expected);
        }
    }

    #[test]
    fn a_time_is_unix_seconds_or_rfc_3339() {
        // By `date -u -d … +%s`.
        for (text, seconds) in [
            ("1700000000", 1_700_000_000),
            ("0", 0),
            ("-1", -1),
            ("1970-01-01T00:00:00Z", 0),
            ("1969-12-31T23:59:59Z", -1),
            ("2000-02-29T00:00:00Z", 951_782_400),
            ("2023-11-14T22:13:20Z", 1_700_000_000),
            ("2023-11-14t22:13:20z", 1_700_000_000),
            ("2023-11-14 22:13:20Z", 1_700_000_000),
            ("2023-11-14T22:13:20.999Z", 1_700_000_000),
            ("2023-11-14T23:13:20+01:00", 1_700_000_000),
            ("2023-11-14T16:43:20-05:30", 1_700_000_000),
            ("2100-03-01T00:00:00Z", 4_107_542_400),
            ("0000-01-01T00:00:00Z", -62_167_219_200),
            ("9999-12-31T23:59:59Z", 253_402_300_799),
        ] {
            assert_eq!(parse(text), Ok(seconds), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for (text, error) in [
            ("", TimeError::Form),
            ("now", TimeError::Form),
            ("1.5", TimeError::Form),
            ("99999999999999999999", TimeError::Form),
            ("2023-11-14", TimeError::Form),
            ("2023-11-14T22:13:20", TimeError::Form),
            ("2023-11-14T22:13Z", TimeError::Form),
            ("2023-11-14T22:13:20.Z", TimeError::Form),
            ("2023-11-14T22:13:20+0100", TimeError::Form),
            ("2023-11-14T22:13:20ZZ", TimeError::Form),
            ("2023-1-14T22:13:20Z", TimeError::Form),
            ("+023-11-14T22:13:20Z", TimeError::Form),
            ("２023-11-14T22:13:20Z", TimeError::Form),
            ("2023-02-29T00:00:00Z", TimeError::Calendar),
            ("1900-02-29T00:00:00Z", TimeError::Calendar),
            ("2023-04-31T00:00:00Z", TimeError::Calendar),
            ("2023-00-01T00:00:00Z", TimeError::Calendar),
            ("2023-13-01T00:00:00Z", TimeError::Calendar),
            ("2023-11-00T00:00:00Z", TimeError::Calendar),
            ("2023-11-14T24:00:00Z", TimeError::Calendar),
            ("2023-11-14T22:60:00Z", TimeError::Calendar),
            ("2016-12-31T23:59:60Z", TimeError::Calendar),
            ("2023-11-14T22:13:20+24:00", TimeError::Calendar),
        ] {
            assert_eq!(parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn every_day_of_four_centuries_is_read_as_it_is_written() {
        for day in -200_000..200_000 {
            let seconds = day * SECONDS_PER_DAY + day.rem_euclid(SECONDS_PER_DAY);
            assert_eq!(parse(&utc(seconds)), Ok(seconds));
        }
    }

    const SECOND: i64 = 1_000_000_000;
    const MINUTE: i64 = 60 * SECOND;
    const HOUR: i64 = 60 * MINUTE;

    #[test]
    fn durations_are_those_of_go() {
        // What Go's `time.ParseDuration` gives, by its documentation and its own table of cases.
        for (text, nanoseconds) in [
            ("0", 0),
            ("-0", 0),
            ("+0", 0),
            ("0s", 0),
            ("5s", 5 * SECOND),
            ("1478s", 1478 * SECOND),
            ("-5s", -5 * SECOND),
            ("+5s", 5 * SECOND),
            ("-1m", -MINUTE),
            ("48h", 48 * HOUR),
            ("1h30m", 90 * MINUTE),
            ("1.5h", 90 * MINUTE),
            ("5.0s", 5 * SECOND),
            ("5.6s", 5_600_000_000),
            ("5.s", 5 * SECOND),
            (".5s", SECOND / 2),
            ("1.004s", 1_004_000_000),
            ("100.00100s", 100_001_000_000),
            ("10ns", 10),
            ("11us", 11_000),
            ("12\u{b5}s", 12_000),
            ("12\u{3bc}s", 12_000),
            ("13ms", 13_000_000),
            ("10.5s4m", 4 * MINUTE + 10 * SECOND + SECOND / 2),
            ("-2m3.4s", -(2 * MINUTE + 3_400_000_000)),
            ("1h2m3s4ms5us6ns", HOUR + 2 * MINUTE + 3 * SECOND + 4_005_006),
            ("39h9m14.425s", 39 * HOUR + 9 * MINUTE + 14_425_000_000),
            ("1h1h", 2 * HOUR),
            ("0.3333333333333333333h", 20 * MINUTE),
            ("9007199254740993ns", (1 << 53) + 1),
            ("9223372036854775807ns", i64::MAX),
            ("9223372036854775.807us", i64::MAX),
            ("9223372036s854ms775us807ns", i64::MAX),
            ("-9223372036854775808ns", i64::MIN),
            ("-9223372036854775.808us", i64::MIN),
            ("-2562047h47m16.854775808s", i64::MIN),
            ("0.100000000000000000000h", 6 * MINUTE),
            ("0.830103483285477580700h", 49 * MINUTE + 48 * SECOND + 372_539_827),
        ] {
            assert_eq!(parse_duration_ns(text), Ok(nanoseconds), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_of_go_is_refused() {
        use DurationError::{Form, NoUnit, TooLong};
        let unit = |unit: &str| DurationError::Unit(unit.into());
        for (text, error) in [
            ("", Form),
            ("-", Form),
            ("+", Form),
            ("s", Form),
            (".", Form),
            ("-.", Form),
            (".s", Form),
            ("+.s", Form),
            ("--1s", Form),
            (" 1s", Form),
            ("12h-30m", unit("h-")),
            ("3", NoUnit),
            ("00", NoUnit),
            ("1h30", NoUnit),
            ("1.5", NoUnit),
            ("1d", unit("d")),
            ("1H", unit("H")),
            ("1 h", unit(" h")),
            ("48h ", unit("h ")),
            ("1\u{fffd}2s", unit("\u{fffd}")),
            ("\u{fffd}", Form),
            ("9223372036854775808ns", TooLong),
            ("9223372036854775810ns", TooLong),
            ("-9223372036854775809ns", TooLong),
            ("9223372036854776us", TooLong),
            ("3000000h", TooLong),
            ("9223372036854775.808us", TooLong),
            ("9223372036854ms775us808ns", TooLong),
            ("99999999999999999999999s", TooLong),
            // Zero in Go, by an overflow.
            ("9223372036854775808ns9223372036854775808ns", TooLong),
        ] {
            assert_eq!(parse_duration_ns(text), Err(error), "{text}");
        }
    }

    #[test]
    fn a_duration_is_shown_as_it_can_be_read() {
        for (milliseconds, shown) in [
            (0, "0s"),
            (1, "0.001s"),
            (30_000, "30s"),
            (5_400_000, "1h30m"),
            (60_500, "1m0.5s"),
            (172_800_000, "48h"),
            (3_601_000, "1h1s"),
        ] {
            let duration = Duration::from_millis(milliseconds);
            assert_eq!(show_duration(duration), shown);
            let read = parse_duration_ns(shown).unwrap();
            assert_eq!(u128::try_from(read).unwrap(), duration.as_nanos());
        }
    }
}
