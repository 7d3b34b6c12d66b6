//! Fewer points for a plot.
//!
//! A series of frequency `f`, asked for at a resolution `r` that is a multiple of `f`, is cut down
//! to one point for every `r / f`. Everything is computed in `f64`; `f32` in gives `f32` out.
//! What cannot be cut down sensibly is left as it is stored, which is no error: see [`resample`].

/// From how many points on a series is cut down.
pub const MIN_LEN: usize = 1000;

/// Which points, or what of them, a resampled series shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// Largest-Triangle-Three-Buckets: of every bucket the point that spans the largest triangle
    /// with the point chosen before it and the mean of the next bucket, so that peaks survive. The
    /// first and the last point are always kept, and share the others out evenly: a bucket is a
    /// little longer than `r / f`, and the answer has two points at least.
    ///
    /// A bucket that holds a missing sample shows a gap, as does one that a gap leads to; in a
    /// bucket *between* a sample and a gap no triangle has an area, and its last point is taken.
    #[default]
    Lttb,
    /// The mean of every `r / f` points from the first on, missing ones left out; missing if all
    /// are. What remains at the end is left out, so that every point stands for the same time.
    Average,
    /// The first of every `r / f` points, missing or not. What remains at the end is left out.
    Simple,
}

/// The resolution asked for is no multiple of the frequency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("resolution of {resolution_s} s is no multiple of the frequency of {frequency_s} s")]
pub struct NotAMultiple {
    /// The frequency of the series, in seconds.
    pub frequency_s: i64,
    /// What was asked for, in seconds.
    pub resolution_s: i64,
}

/// A number that can be resampled: `f32` as series hold it, `f64` as aggregates do.
pub trait Sample: Copy + Into<f64> {
    /// The nearest number of this type.
    fn from_f64(value: f64) -> Self;
}

impl Sample for f64 {
    fn from_f64(value: f64) -> Self {
        value
    }
}

impl Sample for f32 {
    #[expect(clippy::cast_possible_truncation, reason = "rounding is what is asked for")]
    fn from_f64(value: f64) -> Self {
        value as Self
    }
}

/// The points of `values`, one every `frequency_s`, as they are seen at `resolution_s`.
///
/// `None` means as stored, frequency included: the resolution is 0 or not above the frequency, there
/// are fewer than [`MIN_LEN`] points, or fewer than the resolution spans.
///
/// ```
/// use memstore::resample::{Method, resample};
///
/// let minutes: Vec<f32> = (0..1440u16).map(f32::from).collect();
/// let hours = resample(&minutes, 60, 3600, Method::Average)?.expect("is cut down");
/// assert_eq!((hours.len(), hours[0], hours[23]), (24, 29.5, 1409.5));
/// assert_eq!(resample(&minutes, 60, 0, Method::Lttb)?, None);
/// # Ok::<(), memstore::resample::NotAMultiple>(())
/// ```
///
/// # Errors
///
/// [`NotAMultiple`] if the resolution is above the frequency and no multiple of it, however many
/// points there are.
pub fn resample<T: Sample>(
    values: &[T],
    frequency_s: i64,
    resolution_s: i64,
    method: Method,
) -> Result<Option<Vec<T>>, NotAMultiple> {
    if frequency_s <= 0 || resolution_s <= frequency_s {
        return Ok(None);
    }
    if resolution_s % frequency_s != 0 {
        return Err(NotAMultiple { frequency_s, resolution_s });
    }
    let step = usize::try_from(resolution_s / frequency_s).unwrap_or(usize::MAX);
    if values.len() < MIN_LEN || values.len() < step {
        return Ok(None);
    }
    Ok(Some(match method {
        Method::Lttb => lttb(values, values.len() / step),
        Method::Average => values.chunks_exact(step).map(mean_of_present).collect(),
        Method::Simple => values.chunks_exact(step).map(|bucket| bucket[0]).collect(),
    }))
}

fn mean_of_present<T: Sample>(bucket: &[T]) -> T {
    let (count, sum) = bucket
        .iter()
        .map(|&value| value.into())
        .filter(|value| !value.is_nan())
        .fold((0.0, 0.0), |(count, sum), value| (count + 1.0, sum + value));
    // 0 / 0 is NaN: missing.
    T::from_f64(sum / count)
}

/// A point of the plot: its index in the series, and its value.
#[derive(Clone, Copy)]
struct Point {
    x: f64,
    y: f64,
}

impl Point {
    #[expect(clippy::cast_precision_loss, reason = "no series has 2^53 points")]
    fn new<T: Sample>(x: usize, value: T) -> Self {
        Self { x: x as f64, y: value.into() }
    }

    /// The mean of the points `start..end`, which are some; NaN if one of them is.
    #[expect(clippy::cast_precision_loss, reason = "no series has 2^53 points")]
    fn mean<T: Sample>(values: &[T], start: usize, end: usize) -> Self {
        let sum: f64 = values[start..end].iter().map(|&value| value.into()).sum();
        Self { x: (start + end - 1) as f64 / 2.0, y: sum / (end - start) as f64 }
    }
}

fn triangle_area(a: Point, b: Point, c: Point) -> f64 {
    ((a.x - c.x) * (b.y - a.y) - (a.x - b.x) * (c.y - a.y)).abs() / 2.0
}

/// `values` has [`MIN_LEN`] points or more, and `len` is at most half of them.
fn lttb<T: Sample>(values: &[T], len: usize) -> Vec<T> {
    let last = values.len() - 1;
    let buckets = len.saturating_sub(2);
    let mut chosen = Vec::with_capacity(buckets + 2);
    chosen.push(values[0]);

    let mut before = 0;
    let (mut start, mut end) = (1, bucket_end(last, buckets, 0));
    for bucket in 0..buckets {
        let next_end = bucket_end(last, buckets, bucket + 1).min(last - 1);
        // The first point behind the next bucket counts in its mean, as in the original.
        let ahead = Point::mean(values, end, next_end + 1);
        before = largest_triangle(values, before, start..end, ahead);
        chosen.push(values[before]);
        (start, end) = (end, next_end);
    }
    chosen.push(values[last]);
    chosen
}

/// The index behind the last point of a bucket: the points between the first and the last are shared
/// out evenly.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "indices of a series, in the floating-point arithmetic of the original"
)]
fn bucket_end(last: usize, buckets: usize, bucket: usize) -> usize {
    let bucket_len = (last - 1) as f64 / buckets as f64;
    // The bound is for no buckets at all, when the length is infinite.
    (((bucket + 1) as f64 * bucket_len) as usize).min(last) + 1
}

/// An area that is NaN is taken as larger than all that came before it, and nothing but another one
/// is larger than it: that is how a gap gets into the answer.
fn largest_triangle<T: Sample>(
    values: &[T],
    before: usize,
    bucket: core::ops::Range<usize>,
    ahead: Point,
) -> usize {
    let a = Point::new(before, values[before]);
    let (mut largest, mut at) = (-1.0, bucket.start);
    for x in bucket {
        let area = triangle_area(a, ahead, Point::new(x, values[x]));
        if area > largest || area.is_nan() {
            (largest, at) = (area, x);
        }
    }
    at
}
