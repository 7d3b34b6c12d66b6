//! Packing integers of a fixed number of bits, so that the compiler makes vectors of it.
//!
//! A *group* is [`GROUP_LEN`] integers in [`ROWS`] rows of [`LANES`]; integer `i` lies in row
//! `i / 4`, lane `i % 4`. A lane is a stream of 32-bit words into which the integers of its rows go
//! one behind the other, lowest bits first; the words of the four lanes alternate. So four integers
//! that follow each other are packed by the same shifts, and `width` bits for 32 rows are `width`
//! words of each lane, with nothing left over. A group that is not full ends after the word that
//! its last row reaches. Words are little-endian.

/// Integers packed side by side: a 128-bit vector, which every x86-64 and `AArch64` has.
pub(super) const LANES: usize = 4;
/// Rows of a group: as many as a word has bits.
pub(super) const ROWS: usize = 32;
/// Integers of a group.
pub(super) const GROUP_LEN: usize = LANES * ROWS;

const WORD_LEN: usize = 4;
/// Bytes of one word of every lane.
const STRIPE_LEN: usize = LANES * WORD_LEN;

/// One word of every lane.
pub(super) type Stripe = [u32; LANES];
/// The lowest `width` bits; `width` ≤ 32.
pub(super) const fn mask(width: u32) -> u32 {
    if width >= u32::BITS { u32::MAX } else { (1 << width) - 1 }
}

/// How many bytes the integers of one group take; `count` ≤ [`GROUP_LEN`].
pub(super) const fn group_bytes(count: usize, width: u32) -> usize {
    (count.div_ceil(LANES) * width as usize).div_ceil(ROWS) * STRIPE_LEN
}

/// How many bytes `count` integers take.
pub(super) const fn packed_bytes(count: usize, width: u32) -> usize {
    count / GROUP_LEN * group_bytes(GROUP_LEN, width) + group_bytes(count % GROUP_LEN, width)
}

/// Where the integer of a row begins: its stripe, and the bit in that.
#[inline]
const fn position(row: usize, width: u32) -> (usize, u32) {
    let bit = row * width as usize;
    #[expect(clippy::cast_possible_truncation, reason = "less than 32")]
    (bit / ROWS % ROWS, (bit % ROWS) as u32)
}

/// Packs a group into `packed`, which is as long as [`group_bytes`] says for what counts of `group`;
/// the rest of it must be zeros. No integer is above [`mask`].
pub(super) fn pack(group: &[u32; GROUP_LEN], width: u32, packed: &mut [u8]) {
    /// One arm per width: with shifts known to the compiler a row costs a third.
    macro_rules! by_width {
        ($($width:literal)*) => {
            match width {
                $($width => pack_width::<$width>(group, packed),)*
                _ => {}
            }
        };
    }
    by_width!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32);
}

#[inline(never)]
fn pack_width<const WIDTH: usize>(group: &[u32; GROUP_LEN], packed: &mut [u8]) {
    let stripes = packed.as_chunks_mut::<STRIPE_LEN>().0;
    if let Some(stripes) = stripes.first_chunk_mut() {
        pack_rows::<WIDTH>(group, stripes);
    } else {
        let mut whole = [[0; STRIPE_LEN]; WIDTH];
        pack_rows::<WIDTH>(group, &mut whole);
        stripes.copy_from_slice(&whole[..stripes.len()]);
    }
}

#[inline]
fn pack_rows<const WIDTH: usize>(
    group: &[u32; GROUP_LEN],
    stripes: &mut [[u8; STRIPE_LEN]; WIDTH],
) {
    let rows = group.as_chunks::<LANES>().0;
    // The word of every lane that is being filled.
    let mut words: Stripe = [0; LANES];
    macro_rules! unrolled {
        ($($row:literal)*) => { $(
            const { assert!($row < ROWS) };
            let (at, shift) = ($row * WIDTH / ROWS, $row * WIDTH % ROWS);
            let is_full = shift + WIDTH >= ROWS;
            for lane in 0..LANES {
                let integer = rows[$row][lane];
                words[lane] |= integer << shift;
                if is_full {
                    stripes[at].as_chunks_mut::<WORD_LEN>().0[lane] = words[lane].to_le_bytes();
                    words[lane] = if shift == 0 { 0 } else { integer >> (ROWS - shift) };
                }
            }
        )* };
    }
    unrolled!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31);
}

/// Unpacks the group in `packed`. What is not in `packed` counts as zeros.
pub(super) fn unpack(packed: &[u8], width: u32) -> [Stripe; ROWS] {
    /// One arm per width: with shifts known to the compiler a row costs half.
    macro_rules! by_width {
        ($($width:literal)*) => {
            match width {
                $($width => unpack_width::<$width>(packed),)*
                _ => [[0; LANES]; ROWS],
            }
        };
    }
    by_width!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32)
}

#[inline(never)]
fn unpack_width<const WIDTH: usize>(packed: &[u8]) -> [Stripe; ROWS] {
    let stripes = packed.as_chunks::<STRIPE_LEN>().0;
    if let Some(stripes) = stripes.first_chunk() {
        return unpack_rows::<WIDTH>(stripes);
    }
    let mut whole = [[0; STRIPE_LEN]; WIDTH];
    whole[..stripes.len()].copy_from_slice(stripes);
    unpack_rows::<WIDTH>(&whole)
}

#[inline]
fn unpack_rows<const WIDTH: usize>(stripes: &[[u8; STRIPE_LEN]; WIDTH]) -> [Stripe; ROWS] {
    let word = |at: usize, lane: usize| u32::from_le_bytes(stripes[at].as_chunks().0[lane]);
    let mut rows = [[0; LANES]; ROWS];
    let mask = u32::MAX >> (ROWS - WIDTH);
    macro_rules! unrolled {
        ($($row:literal)*) => { $(
            const { assert!($row < ROWS) };
            let (at, shift) = ($row * WIDTH / ROWS, $row * WIDTH % ROWS);
            for lane in 0..LANES {
                let low = word(at, lane) >> shift;
                let crosses = shift + WIDTH > ROWS;
                let high = if crosses { word(at + 1, lane) << (ROWS - shift) } else { 0 };
                rows[$row][lane] = (low | high) & mask;
            }
        )* };
    }
    unrolled!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31);
    rows
}

/// The integer at `index` of a group, without the others.
pub(super) fn unpack_one(packed: &[u8], width: u32, index: usize) -> u32 {
    let (at, shift) = position(index / LANES, width);
    let word = |at: usize| {
        let bytes = packed.as_chunks::<STRIPE_LEN>().0.get(at);
        bytes.map_or(0, |bytes| u32::from_le_bytes(bytes.as_chunks().0[index % LANES]))
    };
    ((word(at) >> shift) | ((word(at + 1) << 1) << (31 - shift))) & mask(width)
}
