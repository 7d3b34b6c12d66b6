//! Why a line is refused.

use std::fmt;

use line_protocol::Reason as Malformed;

/// What is against a line that says well what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Policy {
    /// The metric is not in the catalogue.
    UnknownMetric,
    /// The sample is older than the retention, or archived already.
    TooOld,
    /// The sample is further ahead than samples may be.
    TooFarAhead,
    /// The time of its slot cannot be counted.
    OutOfRange,
    /// The cluster cannot be called so.
    ClusterName,
    /// The host cannot be called so.
    HostName,
    /// The metric or a device cannot be called so.
    DeviceName,
    /// The host has as many devices as it may have.
    TooManyDevices,
    /// The files of the host cannot be read: nothing of it is taken until they can.
    HostOffline,
}

/// Why a line is refused: it alone is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// It does not say what a line has to say.
    Malformed(Malformed),
    /// It says it well, but is not taken.
    Policy(Policy),
}

impl Policy {
    /// All of them, in the order of the enum.
    pub const ALL: [Self; 9] = [
        Self::UnknownMetric,
        Self::TooOld,
        Self::TooFarAhead,
        Self::OutOfRange,
        Self::ClusterName,
        Self::HostName,
        Self::DeviceName,
        Self::TooManyDevices,
        Self::HostOffline,
    ];

    const fn label(self) -> &'static str {
        match self {
            Self::UnknownMetric => "unknown_metric",
            Self::TooOld => "too_old",
            Self::TooFarAhead => "too_far_ahead",
            Self::OutOfRange => "out_of_range",
            Self::ClusterName => "cluster_name",
            Self::HostName => "host_name",
            Self::DeviceName => "device_name",
            Self::TooManyDevices => "too_many_devices",
            Self::HostOffline => "host_offline",
        }
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownMetric => "metric is not in the catalogue",
            Self::TooOld => "sample is older than the retention",
            Self::TooFarAhead => "sample is too far in the future",
            Self::OutOfRange => "time of the sample is out of range",
            Self::ClusterName => "name of the cluster is not allowed",
            Self::HostName => "name of the host is not allowed",
            Self::DeviceName => "name of the metric or of a device is not allowed",
            Self::TooManyDevices => "host has too many devices",
            Self::HostOffline => "files of the host cannot be read",
        })
    }
}

impl Reason {
    /// How many there are.
    pub const COUNT: usize = Malformed::ALL.len() + Policy::ALL.len();

    /// All of them, malformed lines first: for a table of counters.
    pub fn all() -> impl Iterator<Item = Self> {
        let malformed = Malformed::ALL.into_iter().map(Self::Malformed);
        malformed.chain(Policy::ALL.into_iter().map(Self::Policy))
    }

    /// Its place among [`all`](Self::all).
    pub(crate) fn index(self) -> usize {
        let at = match self {
            Self::Malformed(reason) => Malformed::ALL.iter().position(|other| *other == reason),
            Self::Policy(reason) => Policy::ALL
                .iter()
                .position(|other| *other == reason)
                .map(|at| Malformed::ALL.len() + at),
        };
        at.unwrap_or(Self::COUNT)
    }

    /// Whether the line is wrong by itself, whoever would read it.
    #[must_use]
    pub fn is_malformed(self) -> bool {
        matches!(self, Self::Malformed(_))
    }

    /// A name in `snake_case` that stays the same, for JSON and for the names of counters.
    ///
    /// ```
    /// use ingest::{Policy, Reason};
    ///
    /// assert_eq!(Reason::Policy(Policy::TooOld).label(), "too_old");
    /// ```
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Malformed(reason) => malformed(reason),
            Self::Policy(reason) => reason.label(),
        }
    }
}

const fn malformed(reason: Malformed) -> &'static str {
    match reason {
        Malformed::LineTooLong => "line_too_long",
        Malformed::NoFields => "no_fields",
        Malformed::FieldKey => "field_key",
        Malformed::FieldAssignment => "field_assignment",
        Malformed::FieldValue => "field_value",
        Malformed::StringEnd => "string_end",
        Malformed::AfterString => "after_string",
        Malformed::NotANumber => "not_a_number",
        Malformed::IntegerRange => "integer_range",
        Malformed::NotFinite => "not_finite",
        Malformed::NoValue => "no_value",
        Malformed::Timestamp => "timestamp",
        Malformed::AfterTimestamp => "after_timestamp",
        Malformed::NotUtf8 => "not_utf8",
        Malformed::MetricName => "metric_name",
        Malformed::TagKey => "tag_key",
        Malformed::TagAssignment => "tag_assignment",
        Malformed::TagValue => "tag_value",
        Malformed::NoHost => "no_host",
        Malformed::NoCluster => "no_cluster",
        _ => "malformed",
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(reason) => reason.fmt(f),
            Self::Policy(reason) => reason.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_snake_case_each_its_own_and_in_the_order_of_the_counters() {
        let mut labels: Vec<&str> = Reason::all().map(Reason::label).collect();
        let plain = |byte: u8| byte.is_ascii_lowercase() || b"_8".contains(&byte);
        assert!(labels.iter().all(|label| label.bytes().all(plain)), "{labels:?}");
        assert!(Reason::all().map(Reason::index).eq(0..Reason::COUNT));
        for reason in Malformed::ALL {
            assert_eq!(malformed(reason), reason.label().replace('-', "_"));
        }
        labels.sort_unstable();
        labels.dedup();
        assert_eq!(labels.len(), Reason::COUNT);
    }
}
