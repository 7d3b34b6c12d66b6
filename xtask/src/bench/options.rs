//! The command line of `cargo xtask bench`.

use anyhow::{Context, Result, bail};

use super::area::Area;
use super::check::Bless;

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// Compare with these, or with the bars if there are none.
    Measure { peers: Vec<String> },
    /// Instruction counts, compared with those of the repository.
    Check { bless: Bless },
    /// The benchmarks of one crate, as they are.
    Package(String),
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(super) work: Work,
    pub(super) areas: Vec<Area>,
    pub(super) is_quick: bool,
    /// The tests of `safe` in their long form.
    pub(super) is_long: bool,
    /// Into the repository.
    pub(super) is_saved: bool,
    pub(super) rounds: Option<usize>,
}

impl Options {
    pub(crate) fn parse(arguments: &[&str]) -> Result<Self> {
        let work = Work::Measure { peers: Vec::new() };
        let mut options = Self {
            work,
            areas: Vec::new(),
            is_quick: false,
            is_long: false,
            is_saved: false,
            rounds: None,
        };
        let mut arguments = arguments.iter().copied();
        while let Some(argument) = arguments.next() {
            let mut value =
                || arguments.next().with_context(|| format!("{argument} needs a value"));
            match argument {
                "--quick" => options.is_quick = true,
                "--long" => options.is_long = true,
                "--save" => options.is_saved = true,
                "--rounds" => options.rounds = Some(value()?.parse::<usize>()?.max(1)),
                "--package" => options.work = Work::Package(value()?.to_owned()),
                "--check" => options.work = Work::Check { bless: Bless::No },
                "--bless" => options.work = Work::Check { bless: Bless::Yes },
                "--peer" => match &mut options.work {
                    Work::Measure { peers } => peers.push(value()?.to_owned()),
                    _ => bail!("bench: --peer goes with no other work"),
                },
                name => match Area::named(name) {
                    Some(area) => options.areas.push(area),
                    None => bail!("bench: no area {name}: {}", Area::names()),
                },
            }
        }
        if options.areas.is_empty() {
            options.areas = Area::figures();
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_name_every_figure_is_taken_and_no_test_is_run() {
        let options = Options::parse(&["--quick"]).unwrap();
        assert!(options.is_quick && !options.is_saved);
        assert_eq!(options.areas.len(), 9);
        assert!(!options.areas.contains(&Area::Safe));
    }

    #[test]
    fn areas_and_peers_are_taken_by_name() {
        let options = Options::parse(&["replay", "archive", "--rounds", "5"]).unwrap();
        assert_eq!(options.areas, [Area::Replay, Area::Archive]);
        assert_eq!(options.rounds, Some(5));
        let options = Options::parse(&["--peer", "prometheus", "--peer", "http://h:1"]).unwrap();
        let peers = ["prometheus", "http://h:1"].map(str::to_owned).to_vec();
        assert_eq!(options.work, Work::Measure { peers });
    }

    #[test]
    fn what_is_no_area_is_an_error_that_names_them() {
        let error = Options::parse(&["recall"]).unwrap_err().to_string();
        assert!(error.contains("recall") && error.contains("recovery"), "{error}");
        assert!(Options::parse(&["--rounds"]).is_err());
    }
}
