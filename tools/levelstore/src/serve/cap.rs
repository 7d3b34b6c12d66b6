//! The memory cap: what is done when the process holds more than it may.

use std::time::Duration;

/// How much of the retention is kept, in percent: less and less, until it is enough.
const KEPT: [i64; 3] = [75, 50, 25];
/// How often to look, near the cap and far from it.
const OFTEN: Duration = Duration::from_secs(30);
const SELDOM: Duration = Duration::from_mins(5);

/// How many bytes the process may hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cap {
    pub(super) bytes: u64,
}

impl Cap {
    /// When to look again, with so many bytes held.
    pub(super) fn pause(self, held: u64) -> Duration {
        if held > self.bytes / 10 * 8 { OFTEN } else { SELDOM }
    }

    /// Frees until the process holds no more than it may: all but so many percent of the retention.
    /// What `held` says is what counts, and what `free` says to be held afterwards. Whether it still
    /// holds too much.
    pub(super) fn relieve(self, held: u64, mut free: impl FnMut(i64) -> u64) -> bool {
        let mut held = held;
        for percent in KEPT {
            if held <= self.bytes {
                break;
            }
            held = free(percent);
        }
        held > self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAP: Cap = Cap { bytes: 1000 };

    /// What is freed, and whether that was not enough, if each freeing leaves so much.
    fn freed(held: u64, left: [u64; 3]) -> (Vec<i64>, bool) {
        let (mut steps, mut left) = (Vec::new(), left.into_iter());
        let is_full = CAP.relieve(held, |percent| {
            steps.push(percent);
            left.next().unwrap()
        });
        (steps, is_full)
    }

    #[test]
    fn no_more_is_freed_than_it_takes() {
        assert_eq!(freed(1000, [0, 0, 0]), (vec![], false));
        assert_eq!(freed(1001, [1000, 0, 0]), (vec![75], false));
        assert_eq!(freed(2000, [1500, 900, 0]), (vec![75, 50], false));
        assert_eq!(freed(2000, [1500, 1200, 1000]), (vec![75, 50, 25], false));
        assert_eq!(freed(2000, [1500, 1200, 1001]), (vec![75, 50, 25], true));
    }

    #[test]
    fn the_closer_the_cap_the_more_often_it_is_looked() {
        assert_eq!(CAP.pause(800), SELDOM);
        assert_eq!(CAP.pause(801), OFTEN);
        assert_eq!(CAP.pause(5000), OFTEN);
    }
}
