//! Plots as SVG: how far each figure is from its bar, and how it has changed from result to result.

use std::fmt::Write;

use super::record::Record;
use super::rows::{self, Better, Row, Verdict};
use super::table::{number, titled};

const ROW_HEIGHT: f64 = 22.0;
const TITLE_WIDTH: f64 = 420.0;
const PLOT_WIDTH: f64 = 560.0;
/// From 1/100 to 100 times the bar.
const DECADES: f64 = 2.0;

/// Every figure with a *must*, or with a goal alone, on a logarithmic axis: right of the line is better.
pub(super) fn bars(record: &Record) -> String {
    let shown: Vec<_> = rows::all()
        .filter_map(|row| Some((row, row.must.or(row.goal)?, record.spread(row.name)?.median)))
        .filter(|(_, bar, value)| *bar > 0.0 && *value > 0.0)
        .collect();
    let height = ROW_HEIGHT * (f64::from(u32::try_from(shown.len()).unwrap_or(0)) + 2.0);
    let mut svg = opened(TITLE_WIDTH + PLOT_WIDTH + 130.0, height);
    for decade in [-2.0, -1.0, 0.0, 1.0, 2.0_f64] {
        let (x, label) = (along(10_f64.powf(decade)), number(10_f64.powf(decade)));
        let class = if decade == 0.0 { "must" } else { "grid" };
        let bottom = height - ROW_HEIGHT;
        let _ = write!(
            svg,
            r#"<line class="{class}" x1="{x:.1}" x2="{x:.1}" y1="0" y2="{bottom:.1}"/>"#
        );
        text(&mut svg, x, height - 6.0, "middle", &format!("{label} ×"));
    }
    let mut top = 4.0;
    for (row, bar, value) in shown {
        bar_of(&mut svg, top, row, bar, value);
        top += ROW_HEIGHT;
    }
    svg + "</svg>"
}

fn bar_of(svg: &mut String, top: f64, row: &Row, bar: f64, value: f64) {
    let times = |value: f64| match row.better {
        Better::Less => bar / value,
        Better::More => value / bar,
    };
    let (from, to) = (along(1.0), along(times(value)));
    let class = match row.verdict(value) {
        Verdict::Missed => "missed",
        Verdict::Held | Verdict::None => "held",
        Verdict::Goal => "reached",
    };
    let (left, width) = (from.min(to), (to - from).abs().max(1.0));
    let _ = write!(
        svg,
        r#"<rect class="{class}" x="{left:.1}" y="{top:.1}" width="{width:.1}" height="14"/>"#
    );
    if let Some(goal) = row.goal.filter(|goal| *goal > 0.0) {
        let (x, y) = (along(times(goal)), top + 16.0);
        let above = top - 2.0;
        let _ = write!(
            svg,
            r#"<line class="goal" x1="{x:.1}" x2="{x:.1}" y1="{above:.1}" y2="{y:.1}"/>"#
        );
    }
    text(svg, TITLE_WIDTH - 8.0, top + 11.0, "end", &titled(row.title, row.unit));
    text(svg, TITLE_WIDTH + PLOT_WIDTH + 8.0, top + 11.0, "start", &number(value));
}

/// Where a multiple of the bar lies.
fn along(times: f64) -> f64 {
    let decades = times.log10().clamp(-DECADES, DECADES);
    TITLE_WIDTH + PLOT_WIDTH * (decades + DECADES) / (2.0 * DECADES)
}

const SMALL: (f64, f64) = (300.0, 90.0);

/// One figure over all results: medians as a line, spreads behind it, bars across.
pub(super) fn history(records: &[Record], row: &Row) -> Option<String> {
    let spreads: Vec<_> = records.iter().map(|record| record.spread(row.name)).collect();
    let known = || spreads.iter().flatten();
    let bars = [row.must, row.goal].into_iter().flatten();
    let highest = known().map(|spread| spread.max).chain(bars).fold(0.0, f64::max);
    known().next()?;
    let highest = if highest > 0.0 { highest * 1.1 } else { 1.0 };
    let (width, height) = SMALL;
    let y = |value: f64| 4.0 + height * (1.0 - value / highest);
    let steps = f64::from(u32::try_from(records.len().max(2) - 1).ok()?);
    let mut svg = opened(width + 60.0, height + 8.0);
    for (class, bar) in [("must", row.must), ("goal", row.goal)] {
        if let Some(bar) = bar {
            let y = y(bar);
            let _ = write!(
                svg,
                r#"<line class="{class}" x1="0" x2="{width}" y1="{y:.1}" y2="{y:.1}"/>"#
            );
        }
    }
    let mut points = String::new();
    let mut last = (0.0, 0.0, 0.0);
    for (at, spread) in (0_u32..).zip(&spreads) {
        let Some(spread) = spread else { continue };
        let x = 4.0 + (width - 8.0) * f64::from(at) / steps;
        let (low, high, middle) = (y(spread.min), y(spread.max), y(spread.median));
        let _ = write!(
            svg,
            r#"<line class="spread" x1="{x:.1}" x2="{x:.1}" y1="{high:.1}" y2="{low:.1}"/>"#
        );
        let title = records.get(at as usize).map(Record::commit).unwrap_or_default();
        let value = number(spread.median);
        let _ = write!(
            svg,
            r#"<circle class="point" cx="{x:.1}" cy="{middle:.1}" r="2.5"><title>{title}: {value}</title></circle>"#
        );
        let _ = write!(points, "{x:.1},{middle:.1} ");
        last = (x, middle, spread.median);
    }
    let _ = write!(svg, r#"<polyline class="line" points="{}"/>"#, points.trim_end());
    text(&mut svg, last.0 + 6.0, last.1 + 4.0, "start", &number(last.2));
    Some(svg + "</svg>")
}

fn opened(width: f64, height: f64) -> String {
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0}" height="{height:.0}" viewBox="0 0 {width:.0} {height:.0}">"#
    )
}

fn text(svg: &mut String, x: f64, y: f64, anchor: &str, text: &str) {
    let text = escaped(text);
    let _ = write!(svg, r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}">{text}</text>"#);
}

/// Text of a page.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these numbers are exact")]
mod tests {
    use super::super::record::tests::record;
    use super::*;

    #[test]
    fn the_bar_of_a_figure_ends_where_it_is_as_many_times_better() {
        assert_eq!(along(1.0), TITLE_WIDTH + PLOT_WIDTH / 2.0);
        assert_eq!(along(10.0), TITLE_WIDTH + PLOT_WIDTH * 0.75);
        assert_eq!(along(0.0), TITLE_WIDTH);
        // Ten times less than may be: to the right, and the goal is reached.
        let svg = bars(&record("2026-01-01T00:00:00Z", "ingest.day_logged", 11.5));
        let rect = format!(r#"<rect class="reached" x="{:.1}""#, along(1.0));
        assert!(svg.contains(&rect), "{svg}");
        assert!(svg.contains(r#"width="140.0""#), "{svg}");
    }

    #[test]
    fn the_history_has_a_point_for_each_result_that_knows_the_figure() {
        let records = [
            record("2026-01-01T00:00:00Z", "ingest.http", 3.0),
            record("2026-01-02T00:00:00Z", "archive.cpu", 1.0),
            record("2026-01-03T00:00:00Z", "ingest.http", 2.0),
        ];
        let row = rows::named("ingest.http").unwrap();
        let svg = history(&records, row).unwrap();
        assert_eq!(svg.matches("<circle").count(), 2);
        let unknown = rows::named("ingest.day_logged").unwrap();
        assert_eq!(history(&records, unknown), None);
    }
}
