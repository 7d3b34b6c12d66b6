//! What was held in each hour, as a drawing: three lines over time, and what happened.

use std::fmt::Write;

use super::check::Measured;
use super::plan::Event;

const WIDTH: f64 = 1200.0;
const PANEL: f64 = 170.0;
const LEFT: f64 = 90.0;
const TOP: f64 = 40.0;

#[derive(Debug, Default)]
pub(super) struct Chart {
    hours: Vec<Measured>,
    marks: Vec<(i64, Event)>,
    story: usize,
}

/// What one panel shows: title, unit, lines with their colours.
type Line = (&'static str, &'static str, fn(&Measured) -> u64);

const PANELS: [(&str, &[Line]); 3] = [
    ("memory, KiB", &[("held", "#1f77b4", |of| of.memory / 1024)]),
    ("files", &[("files", "#2ca02c", |of| of.files)]),
    (
        "bytes on the disk, KiB",
        &[
            ("snapshots", "#9467bd", |of| of.snapshot_bytes / 1024),
            ("log", "#d62728", |of| of.log_bytes / 1024),
        ],
    ),
];

impl Chart {
    pub(super) fn measured(&mut self, hour: Measured) {
        self.hours.push(hour);
    }

    pub(super) fn mark(&mut self, minute: i64, event: Event) {
        self.marks.push((minute, event));
    }

    pub(super) fn tell(&mut self, story: &[String]) {
        self.story = story.len();
    }

    pub(super) fn summary(&self) -> String {
        let most = |of: fn(&Measured) -> u64| self.hours.iter().map(of).max().unwrap_or(0);
        format!(
            "{} hours, {} events, at most {} KiB in memory, {} files, {} KiB of snapshots, {} KiB of log",
            self.hours.len(),
            self.marks.len(),
            most(|of| of.memory) / 1024,
            most(|of| of.files),
            most(|of| of.snapshot_bytes) / 1024,
            most(|of| of.log_bytes) / 1024,
        )
    }

    pub(super) fn svg(&self, title: &str) -> String {
        let height = TOP + PANEL * 3.0 + 30.0;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{height}\" \
             font-family=\"sans-serif\" font-size=\"11\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
             <text x=\"{LEFT}\" y=\"20\" font-size=\"14\">{title}</text>\n",
            LEFT + WIDTH + 20.0
        );
        self.draw_marks(&mut svg);
        for (index, (title, lines)) in (0_u32..).zip(PANELS) {
            self.draw_panel(&mut svg, TOP + PANEL * f64::from(index), title, lines);
        }
        svg.push_str("</svg>\n");
        svg
    }

    /// How far right an hour lies.
    fn x(&self, hour: f64) -> f64 {
        LEFT + WIDTH * hour / number(self.hours.len() as u64).max(1.0)
    }

    fn draw_marks(&self, svg: &mut String) {
        for (minute, event) in &self.marks {
            let x = self.x(number(minute.unsigned_abs()) / 60.0);
            let bottom = TOP + PANEL * 3.0;
            let _ = writeln!(
                svg,
                "<line x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{bottom}\" stroke=\"{}\" \
                 stroke-width=\"0.7\"><title>{event:?}</title></line>",
                colour(*event)
            );
        }
    }

    fn draw_panel(&self, svg: &mut String, top: f64, title: &str, lines: &[Line]) {
        let values = lines.iter().flat_map(|line| self.hours.iter().map(line.2));
        let most = number(values.max().unwrap_or(0)).max(1.0);
        let (bottom, height) = (top + PANEL - 25.0, PANEL - 45.0);
        let right = LEFT + WIDTH;
        let _ = writeln!(
            svg,
            "<text x=\"{LEFT}\" y=\"{:.1}\" font-weight=\"bold\">{title}</text>\n\
             <line x1=\"{LEFT}\" y1=\"{bottom}\" x2=\"{right}\" y2=\"{bottom}\" stroke=\"black\"/>\n\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{most:.0}</text>\n\
             <text x=\"{:.1}\" y=\"{bottom}\" text-anchor=\"end\">0</text>",
            top + 12.0,
            LEFT - 5.0,
            bottom - height + 4.0,
            LEFT - 5.0,
        );
        for (day, hour) in (0..self.hours.len()).step_by(24).enumerate() {
            let x = self.x(number(hour as u64));
            let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{:.1}\">day {day}</text>", bottom + 13.0);
        }
        for (index, (name, colour, of)) in (1_u32..).zip(lines) {
            let points = self.hours.iter().enumerate().map(|(hour, measured)| {
                let x = self.x(number(hour as u64 + 1));
                format!("{x:.1},{:.1}", bottom - height * number(of(measured)) / most)
            });
            let points = points.collect::<Vec<_>>().join(" ");
            let _ = writeln!(
                svg,
                "<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"/>\n\
                 <text x=\"{:.1}\" y=\"{:.1}\" fill=\"{colour}\">{name}</text>",
                LEFT + 150.0 + 80.0 * f64::from(index),
                top + 12.0,
            );
        }
    }
}

/// Ends of the process red, what the disk refuses orange, the rest pale.
fn colour(event: Event) -> &'static str {
    match event {
        Event::Restart | Event::Kill | Event::PowerLoss | Event::Dies | Event::DiesWhileKeeping => {
            "#f4b6b6"
        }
        Event::DiskFull | Event::SyncFails | Event::AppendFails | Event::RenameFails => "#ffb347",
        Event::ClockAhead | Event::ClockFarAhead | Event::ClockBehind => "#87ceeb",
        _ => "#dddddd",
    }
}

#[expect(clippy::cast_precision_loss, reason = "a drawing")]
fn number(value: u64) -> f64 {
    value as f64
}

#[test]
fn a_drawing_has_a_line_for_each_quantity_and_a_mark_for_each_event() {
    let mut chart = Chart::default();
    for hour in 0..30 {
        chart.measured(Measured { memory: 1024 * hour, files: 3, ..Measured::default() });
    }
    chart.mark(90, Event::Kill);
    let svg = chart.svg("a title");
    assert_eq!(svg.matches("<polyline").count(), 4);
    assert_eq!(svg.matches("<title>Kill</title>").count(), 1);
    assert_eq!(svg.matches("day 1<").count(), 3);
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
}
