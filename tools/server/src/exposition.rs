//! The text format that Prometheus reads.

use crate::decimals::push_unsigned;
use axum::http::HeaderValue;
use checkpointer::{DURATION_BOUNDS_S, Durations};

/// What the text is.
pub(crate) const CONTENT_TYPE: HeaderValue =
    HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// A page of metrics.
#[derive(Debug, Default)]
pub(crate) struct Page(Vec<u8>);

/// What a metric's value does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// It grows, by class.
    Histogram,
}

/// One metric of a page, to which samples are added.
#[derive(Debug)]
pub(crate) struct Family<'a> {
    page: &'a mut Page,
    name: &'a str,
}

impl Page {
    /// Begins a metric. Names and help are ours: they need no escaping.
    pub(crate) fn family<'a>(&'a mut self, name: &'a str, kind: Kind, help: &str) -> Family<'a> {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        for part in ["# HELP ", name, " ", help, "\n# TYPE ", name, " ", kind, "\n"] {
            self.0.extend_from_slice(part.as_bytes());
        }
        Family { page: self, name }
    }

    /// A metric without labels.
    pub(crate) fn single(&mut self, name: &str, kind: Kind, help: &str, value: u64) {
        self.family(name, kind, help).sample(&[], value);
    }

    /// How often something has taken how long.
    pub(crate) fn durations(&mut self, name: &str, help: &str, durations: &Durations) {
        let [bucket, sum, count] =
            ["_bucket", "_sum", "_count"].map(|part| format!("{name}{part}"));
        self.family(name, Kind::Histogram, help);
        let mut upto = 0;
        for (bound, more) in DURATION_BOUNDS_S.iter().zip(durations.counts) {
            upto += more;
            let bound = zmij::Buffer::new().format_finite(*bound).to_owned();
            Family { page: self, name: &bucket }.sample(&[("le", &bound)], upto);
        }
        Family { page: self, name: &bucket }.sample(&[("le", "+Inf")], durations.count());
        Family { page: self, name: &sum }.real(&[], durations.sum.as_secs_f64());
        Family { page: self, name: &count }.sample(&[], durations.count());
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

impl Family<'_> {
    /// Adds a sample.
    pub(crate) fn sample(&mut self, labels: &[(&str, &str)], value: u64) -> &mut Self {
        self.labels(labels);
        push_unsigned(&mut self.page.0, value);
        self.page.0.push(b'\n');
        self
    }

    /// Adds a sample that is no integer, seconds say.
    pub(crate) fn real(&mut self, labels: &[(&str, &str)], value: f64) -> &mut Self {
        self.labels(labels);
        let mut buffer = zmij::Buffer::new();
        let text = match value {
            f64::INFINITY => "+Inf",
            f64::NEG_INFINITY => "-Inf",
            _ if value.is_nan() => "NaN",
            _ => buffer.format_finite(value),
        };
        self.page.0.extend_from_slice(text.as_bytes());
        self.page.0.push(b'\n');
        self
    }

    fn labels(&mut self, labels: &[(&str, &str)]) {
        let out = &mut self.page.0;
        out.extend_from_slice(self.name.as_bytes());
        for (at, (name, value)) in labels.iter().enumerate() {
            out.push(if at == 0 { b'{' } else { b',' });
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b"=\"");
            for &byte in value.as_bytes() {
                match byte {
                    b'\\' | b'"' => out.extend([b'\\', byte]),
                    b'\n' => out.extend_from_slice(b"\\n"),
                    _ => out.push(byte),
                }
            }
            out.push(b'"');
        }
        if !labels.is_empty() {
            out.push(b'}');
        }
        out.push(b' ');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_help_type_and_samples_with_labels_escaped() {
        let mut page = Page::default();
        page.single("a_total", Kind::Counter, "How many.", 7);
        page.family("b", Kind::Gauge, "What.")
            .sample(&[("x", "a\"\\\n"), ("y", "µ")], 1)
            .real(&[], 0.25)
            .real(&[], f64::INFINITY);
        let text = String::from_utf8(page.into_bytes()).unwrap();
        let expected = [
            "# HELP a_total How many.",
            "# TYPE a_total counter",
            "a_total 7",
            "# HELP b What.",
            "# TYPE b gauge",
            r#"b{x="a\"\\\n",y="µ"} 1"#,
            "b 0.25",
            "b +Inf",
        ];
        assert_eq!(text.lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn durations_are_a_histogram_whose_classes_hold_those_before_them() {
        let mut durations = Durations::default();
        (durations.counts[0], durations.counts[2], durations.longer) = (3, 4, 1);
        durations.sum = std::time::Duration::from_millis(12_250);
        let mut page = Page::default();
        page.durations("a_seconds", "How long.", &durations);
        let text = String::from_utf8(page.into_bytes()).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[..2], ["# HELP a_seconds How long.", "# TYPE a_seconds histogram"]);
        let classes = [
            r#"a_seconds_bucket{le="0.0001"} 3"#,
            r#"a_seconds_bucket{le="0.0005"} 3"#,
            r#"a_seconds_bucket{le="0.001"} 7"#,
        ];
        assert_eq!(lines[2..5], classes);
        let end = [
            r#"a_seconds_bucket{le="10.0"} 7"#,
            r#"a_seconds_bucket{le="+Inf"} 8"#,
            "a_seconds_sum 12.25",
            "a_seconds_count 8",
        ];
        assert_eq!(lines[lines.len() - 4..], end);
    }
}
