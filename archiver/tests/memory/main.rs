//! What is held while an archive is written does not grow with the values of a host, nor with the
//! number of hosts but for what the footer will say of them.
#![expect(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "the helpers of a test may fail it"
)]

use archiver::{ArchiveWriter, GroupEncoder, Host, Options};
use peak_alloc::PeakAlloc;
use snapshot_format::{OwnedSeries, Snapshot, TrailerFields, Tree};

/// Counts the bytes that are asked for; what grows is there twice while it moves.
#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

const MIB: usize = 1 << 20;

fn snapshot(series: usize, slots: usize, start: i64) -> Vec<u8> {
    let mut tree = Tree::default();
    for number in 0..series {
        let values = (0..slots).map(|slot| (slot * 7 + number * 13) as f32 / 4.0).collect();
        let metric = format!("metric{number:05}");
        tree.root.metrics.insert(metric.as_bytes(), OwnedSeries { frequency: 60, start, values });
    }
    tree.encode(Vec::new(), TrailerFields::default()).unwrap().0
}

/// Archives `hosts` times the same snapshots; returns the rows and the most that was allocated.
fn peak(hosts: usize, snapshots: &[Vec<u8>], row_group_rows: usize) -> (u64, usize) {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let mut options = Options::default();
    options.row_group_rows = row_group_rows;
    let mut writer = ArchiveWriter::new(std::io::sink(), b"c").unwrap();
    let mut encoder = GroupEncoder::new(b"c", options).unwrap();
    for number in 0..hosts {
        let name = format!("h{number:05}");
        let mut host = Host::new(name.as_bytes(), i64::MIN..i64::MAX);
        for bytes in snapshots {
            host.add_snapshot("s", &Snapshot::parse(bytes).unwrap());
        }
        encoder.host(host, &mut |group| writer.append(group)).unwrap();
    }
    encoder.finish(&mut |group| writer.append(group)).unwrap();
    let (_, receipt) = writer.finish().unwrap();
    (receipt.rows(), ALLOCATOR.peak_usage() - before)
}

/// One test, for all that runs in the process is counted.
#[test]
fn memory_is_that_of_a_row_group_an_index_and_a_footer() {
    let rows = 1 << 16;
    let day = [snapshot(100, 1_440, 0)];
    let (few, of_day) = peak(1, &day, rows);
    let week = [snapshot(100, 14_400, 0)];
    let (many, of_week) = peak(1, &week, rows);
    assert_eq!((few, many), (144_000, 1_440_000));
    assert!(of_day < 8 * MIB, "{of_day}");
    assert!(of_week < of_day + MIB, "ten times the values: {of_day}, {of_week}");

    // The footer: less than 16 KiB for each row group.
    let (_, of_ten) = peak(10, &day, rows);
    let (_, of_forty) = peak(40, &day, rows);
    assert!(of_forty < of_ten + 30 * 3 * 16 * 1024, "{of_ten}, {of_forty}");

    // Snapshots that overlap whole: a place in each of them.
    let overlapping: Vec<_> = (0..20).map(|phase| snapshot(20, 5_000, phase)).collect();
    let (rows_of_all, of_all) = peak(1, &overlapping, rows);
    assert_eq!(rows_of_all, 20 * 20 * 5_000);
    assert!(of_all < of_day + MIB, "{of_day}, {of_all}");

    // A hundred thousand series: an index of some 300 bytes for each while it is made, beside the row group.
    let wide = [snapshot(100_000, 2, 0)];
    let (_, of_wide) = peak(1, &wide, rows);
    assert!(of_wide < of_day + 100_000 * 320, "{of_wide}");
}
