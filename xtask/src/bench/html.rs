//! The report: one page that needs nothing else, of the newest result and all before it.

use std::fmt::Write;

use super::plot::{bars, escaped, history};
use super::record::Record;
use super::rows::{ROWS, Row, Verdict};
use super::table::{number, titled};

const HEAD: &str = r#"<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Levelstore: benchmarks</title><style>
body { font: 14px/1.4 sans-serif; margin: 2em auto; max-width: 1150px; color: #222; }
table { border-collapse: collapse; } td, th { padding: 2px 9px; text-align: right; }
td:first-child, th:first-child { text-align: left; } th { font-weight: normal; color: #777; }
tr.area td { padding-top: 1em; font-weight: bold; }
td.missed { color: #b00; font-weight: bold; } td.reached { color: #070; }
svg { vertical-align: middle; } svg text { font: 12px sans-serif; fill: #222; }
svg .grid { stroke: #ddd; } svg .must { stroke: #c60; } svg .goal { stroke: #070; stroke-dasharray: 3 2; }
svg rect.missed { fill: #d66; } svg rect.held { fill: #9bc; } svg rect.reached { fill: #7b7; }
svg .line { fill: none; stroke: #36c; } svg .point { fill: #36c; } svg .spread { stroke: #9be; stroke-width: 4; }
.small { display: inline-block; margin: 0 1em 1em 0; }
</style></head><body>
"#;

/// The last record is the newest.
pub(super) fn page(records: &[Record]) -> String {
    let mut page = HEAD.to_owned();
    let Some(newest) = records.last() else { return page };
    let _ = write!(
        page,
        "<h1>Levelstore: benchmarks</h1><p>{}</p>\
         <h2>Distance from the bar</h2><p>How many times better than <i>must</i>, or than the goal where \
         there is no <i>must</i>; right is better, the dashed line is the goal.</p>{}\
         <h2>Figures</h2>{}<h2>From result to result</h2><p>Medians and spreads of {} results, \
         the newest on the right.</p>",
        escaped(&newest.title()),
        bars(newest),
        table(newest),
        records.len()
    );
    for (area, rows) in ROWS {
        let plots = rows.iter().filter_map(|row| Some((row, history(records, row)?)));
        let plots: Vec<_> = plots.collect();
        if !plots.is_empty() {
            let _ = write!(page, "<h3>{area}</h3>");
        }
        for (row, svg) in plots {
            let title = escaped(&titled(row.title, row.unit));
            let _ = write!(page, r#"<div class="small">{title}<br>{svg}</div>"#);
        }
    }
    page + "</body></html>\n"
}

fn table(record: &Record) -> String {
    let mut table = "<table><tr><th></th><th>peer</th><th>must</th><th>goal</th><th>ours</th>\
                     <th>spread</th><th>× peer</th><th></th></tr>\n"
        .to_owned();
    for (area, rows) in ROWS {
        let lines: Vec<String> = rows.iter().filter_map(|row| line(record, row)).collect();
        if !lines.is_empty() {
            let _ = write!(table, r#"<tr class="area"><td>{area}</td></tr>{}"#, lines.concat());
        }
    }
    table + "</table>"
}

fn line(record: &Record, row: &Row) -> Option<String> {
    let spread = record.spread(row.name)?;
    let verdict = row.verdict(spread.median);
    let class = match verdict {
        Verdict::Missed => "missed",
        Verdict::Goal => "reached",
        Verdict::None | Verdict::Held => "",
    };
    let bar = |value: Option<f64>| value.map(number).unwrap_or_default();
    Some(format!(
        "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}–{}</td><td>{}</td>\
         <td class=\"{class}\">{}</td></tr>\n",
        escaped(&titled(row.title, row.unit)),
        bar(row.peer),
        bar(row.must),
        bar(row.goal),
        number(spread.median),
        number(spread.min),
        number(spread.max),
        bar(row.times_peer(spread.median)),
        verdict.text()
    ))
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::record;
    use super::*;

    #[test]
    fn the_page_shows_the_newest_figure_and_needs_no_other_file() {
        let records = [
            record("2026-01-01T00:00:00Z", "ingest.day_logged", 777.0),
            record("2026-01-02T00:00:00Z", "ingest.day_logged", 555.0),
        ];
        let page = page(&records);
        assert!(page.contains("<td>555</td>") && !page.contains("<td>777</td>"));
        assert!(page.contains("MISSED") && page.ends_with("</html>\n"));
        for outside in ["src=", "href=", "@import", "url("] {
            assert!(!page.contains(outside), "{outside}");
        }
    }
}
