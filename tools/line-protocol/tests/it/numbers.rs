//! Values: each the f32 nearest to its decimal, as the standard library finds it.

use line_protocol::{Field, Lines, Reason};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// What a line with this value says, by the shortcut and by the whole grammar.
fn value(text: &str) -> Result<f32, Reason> {
    let read = |body: String| {
        let line = Lines::new(body.as_bytes()).next().unwrap().map_err(|refused| refused.reason)?;
        match line.field {
            Field::Value(value) => Ok(value),
            Field::Message(_) => panic!("a sample"),
        }
    };
    let usual = read(format!("m,host=h value={text} 1700000000\n"));
    let unusual = read(format!("m,host=h  value={text} 1700000000\n"));
    let bits = |value: Result<f32, Reason>| value.map(f32::to_bits);
    assert_eq!(bits(usual), bits(unusual), "{text}");
    usual
}

#[track_caller]
fn assert_nearest(text: &str) {
    let nearest: f32 = text.parse().unwrap();
    let expected = if nearest.is_finite() { Ok(nearest.to_bits()) } else { Err(Reason::NotFinite) };
    assert_eq!(value(text).map(f32::to_bits), expected, "{text}");
}

/// A generator that is the same everywhere, for tests that need millions.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

#[test]
fn decimals_of_all_lengths_are_the_nearest_f32() {
    let mut random = Random(1);
    for _ in 0..400_000 {
        let digits = 1 + random.below(20);
        let mantissa = random.next() % 10_u64.saturating_pow(u32::try_from(digits).unwrap());
        let mut text = mantissa.to_string();
        let point = random.below(text.len() as u64 + 1);
        text.insert(usize::try_from(point).unwrap(), '.');
        if random.below(4) == 0 {
            text = format!("{text}e{}", i64::try_from(random.below(90)).unwrap() - 50);
        }
        if random.below(4) == 0 {
            text.insert(0, '-');
        }
        assert_nearest(&text);
    }
}

/// Half-way between two f32, and as close to it as 17 or 19 digits can say: where a value that is rounded
/// to f64 first may go the wrong way.
#[test]
fn decimals_around_half_way_are_the_nearest_f32() {
    let mut random = Random(2);
    for _ in 0..100_000 {
        let low = f32::from_bits(u32::try_from(random.below(0x7F7F_FFFF)).unwrap());
        let high = f32::from_bits(low.to_bits() + 1);
        let half_way = f64::midpoint(f64::from(low), f64::from(high));
        let wide = half_way.to_bits();
        for near in [wide - 2, wide - 1, wide, wide + 1, wide + 2] {
            let near = f64::from_bits(near);
            assert_nearest(&format!("{near:e}"));
            assert_nearest(&format!("{near:.18e}"));
            if (1e-6..1e17).contains(&near) {
                assert_nearest(&format!("{near}"));
                // The digits of the neighbours beyond what f64 can tell apart.
                assert_nearest(&format!("{half_way:.60}"));
                assert_nearest(&format!("{half_way:.60}1"));
            }
        }
    }
}

/// One and a half units of the last place around half-way, in digits that f64 does not hold exactly.
#[test]
fn nineteen_digits_around_half_way_are_the_nearest_f32() {
    let mut random = Random(3);
    for _ in 0..100_000 {
        let mantissa = u32::try_from(random.below(1 << 23)).unwrap();
        let low = f32::from_bits(1_f32.to_bits() | mantissa);
        let half_way = f64::from(low) + 1.0 / 16_777_216.0;
        // Between 1 and 2, 18 decimals and less: all in a u64.
        let exact = format!("{half_way:.18}").replace('.', "");
        let exact: u64 = exact.parse().unwrap();
        for off in [0_i64, 1, -1, 50, -50, 111, -111, 200, -200, 333, -333, 500, -500] {
            let digits = exact.saturating_add_signed(off).to_string();
            assert_nearest(&format!("{}.{}", &digits[..1], &digits[1..]));
            assert_nearest(&format!("{}.{}", &digits[..7], &digits[7..]));
        }
    }
}

#[test]
fn every_power_of_ten_and_two_is_the_nearest_f32() {
    for exponent in -60..60 {
        assert_nearest(&format!("1e{exponent}"));
        assert_nearest(&format!("9.9999999e{exponent}"));
        assert_nearest(&format!("{:e}", 2_f64.powi(3 * exponent)));
    }
    for zeros in 0..60 {
        assert_nearest(&format!("1{}", "0".repeat(zeros)));
        assert_nearest(&format!("0.{}1", "0".repeat(zeros)));
        assert_nearest(&format!("{}1.5", "0".repeat(zeros)));
    }
}

#[test]
fn the_ends_of_the_range_are_exact() {
    assert_eq!(value("3.4028235e38"), Ok(f32::MAX));
    assert_eq!(value("3.4028235677973366e38"), Ok(f32::MAX));
    // Half-way to the next power of two, which there is not.
    assert_eq!(value("340282356779733661637539395458142568447"), Ok(f32::MAX));
    assert_eq!(value("340282356779733661637539395458142568448"), Err(Reason::NotFinite));
    assert_eq!(value("1e-45").map(f32::to_bits), Ok(1));
    assert_eq!(value("-1e-60").map(f32::to_bits), Ok(0x8000_0000));
    assert_eq!(value("-0").map(f32::to_bits), Ok(0x8000_0000));
    assert_eq!(value("-0.0").map(f32::to_bits), Ok(0x8000_0000));
    assert_eq!(value("-0i").map(f32::to_bits), Ok(0), "an integer has one zero");
    assert_eq!(value("1e99999999999999999999"), Err(Reason::NotFinite));
    assert_eq!(value("0e99999999999999999999"), Ok(0.0));
    assert_eq!(value("1e-99999999999999999999"), Ok(0.0));
    let long = format!("1{}e-70000", "0".repeat(60_000));
    assert_eq!(value(&long), Ok(0.0));
    assert_eq!(value(&format!("{}1", "0".repeat(60_000))), Ok(1.0));
}

#[test]
fn integers_have_64_bits() {
    assert_eq!(value("9223372036854775807i"), Ok(9.223_372e18));
    assert_eq!(value("-9223372036854775808i"), Ok(-9.223_372e18));
    assert_eq!(value("18446744073709551615u"), Ok(1.844_674_4e19));
    assert_eq!(value("00000000000000000000000000000000007i"), Ok(7.0));
    assert_eq!(value("16777217i"), Ok(16_777_216.0), "ties go to even");
    assert_eq!(value("16777219u"), Ok(16_777_220.0));
    for beyond in ["9223372036854775808i", "-9223372036854775809i", "18446744073709551616u"] {
        assert_eq!(value(beyond), Err(Reason::IntegerRange), "{beyond}");
    }
}

#[test]
fn what_is_no_number_is_refused() {
    for text in [
        "", "-", ".", "-.", "+1", "1..2", "1.2.3", "1e", "1e+", "1e1.5", "1e5i", "1.0i", "1.0u",
        "-1u", "i", "u", "-i", "1ii", "1iu", "0x10", "1_000", "nan", "NaN", "inf", "-inf",
        "Infinity", "1f", "--1", "1-", "e5", ".e5", "tru", "truee", "\u{661}",
    ] {
        assert_eq!(value(text), Err(Reason::FieldValue), "{text}");
    }
    for text in ["t", "T", "true", "True", "TRUE", "f", "F", "false", "False", "FALSE", "\"1\""] {
        assert_eq!(value(text), Err(Reason::NotANumber), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 50_000,
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn any_decimal_is_the_nearest_f32(
        text in "-?([0-9]{1,25}\\.?[0-9]{0,25}|\\.[0-9]{1,25})([eE][+-]?[0-9]{1,2})?",
    ) {
        assert_nearest(&text);
    }
}
