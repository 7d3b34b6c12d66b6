//! Slots beside a plain list of values.

use super::*;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Operation {
    Push(Vec<f32>),
    ReplaceLast(f32),
    Append(Vec<f32>),
    Gap(u32),
    Front(u32),
    Set(prop::sample::Index, f32),
    Close,
    KeepLeft(prop::sample::Index),
    KeepRight(prop::sample::Index),
    DropFront(prop::sample::Index),
}

fn value() -> impl Strategy<Value = f32> {
    prop_oneof![1 => Just(MISSING), 8 => (-500..500_i16).prop_map(|n| f32::from(n) / 100.0)]
}

fn operation() -> impl Strategy<Value = Operation> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        4 => prop::collection::vec(value(), 1..20).prop_map(Operation::Push),
        2 => value().prop_map(Operation::ReplaceLast),
        3 => prop::collection::vec(value(), 0..700).prop_map(Operation::Append),
        1 => (0..600_u32).prop_map(Operation::Gap),
        2 => (0..600_u32).prop_map(Operation::Front),
        4 => (index(), value()).prop_map(|(at, value)| Operation::Set(at, value)),
        1 => Just(Operation::Close),
        1 => index().prop_map(Operation::KeepLeft),
        1 => index().prop_map(Operation::KeepRight),
        1 => index().prop_map(Operation::DropFront),
    ]
}

fn apply(operation: Operation, slots: &mut Slots, model: &mut Vec<f32>) {
    let gap = |count: u32| vec![MISSING; count as usize];
    match operation {
        Operation::Push(values) => {
            for &value in &values {
                slots.push(value);
                model.push(value);
                assert_eq!(slots.get(slots.len() - 1).to_bits(), value.to_bits());
            }
        }
        Operation::ReplaceLast(value) if !model.is_empty() => {
            slots.replace_last(value);
            model.pop();
            model.push(value);
        }
        Operation::Append(values) => {
            slots.append(&values);
            model.extend(values);
        }
        Operation::Gap(count) => {
            slots.append_gap(count);
            model.extend(gap(count));
        }
        Operation::Front(count) if !model.is_empty() => {
            let before = slots.position(0);
            let moved = slots.extend_front(count);
            assert_eq!(slots.position(count), before + moved);
            model.splice(0..0, gap(count));
        }
        Operation::Set(at, value) if !model.is_empty() => {
            let at = at.index(model.len());
            slots.set(u32::try_from(at).unwrap(), value);
            model[at] = value;
        }
        Operation::Close => slots.close(),
        Operation::KeepLeft(at) if model.len() > 1 => {
            let at = 1 + at.index(model.len() - 1);
            slots.split_off(u32::try_from(at).unwrap());
            model.truncate(at);
        }
        Operation::KeepRight(at) if model.len() > 1 => {
            let at = 1 + at.index(model.len() - 1);
            let position = slots.position(u32::try_from(at).unwrap());
            let (right, moved) = slots.split_off(u32::try_from(at).unwrap());
            assert_eq!(right.position(0), position - moved);
            *slots = right;
            model.drain(..at);
        }
        Operation::DropFront(blocks) if slots.blocks() > 1 => {
            let blocks = 1 + blocks.index(slots.blocks() - 1);
            let (dropped, moved) = slots.drop_front(blocks);
            assert_eq!(slots.position(0) + moved, u32::try_from(blocks).unwrap() * BLOCK_SLOTS);
            model.drain(..dropped as usize);
        }
        _ => {}
    }
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

fn check(slots: &Slots, model: &[f32]) {
    assert_eq!(slots.len() as usize, model.len());
    let mut values = vec![0.0; model.len() + 3];
    slots.read(0, &mut values);
    assert_eq!(bits(&values[..model.len()]), bits(model));
    assert!(values[model.len()..].iter().all(|value| value.is_nan()));
    let blocks: Vec<_> = (0..slots.blocks()).flat_map(|number| slots.block(number)).collect();
    assert!(blocks.into_iter().eq(slots.position(0)..slots.end()), "blocks leave something out");
    let part = model.len() / 3..model.len() - model.len() / 4;
    if !part.is_empty() {
        let [start, end] = [part.start, part.end].map(|at| u32::try_from(at).unwrap());
        let view = slots.view(start..end);
        let mut values = vec![0.0; part.len()];
        view.slots.read(start - view.first, &mut values);
        assert_eq!(bits(&values), bits(&model[part.clone()]));
        let (stats, expected) = (slots.stats(start, end - start), Stats::of(&model[part]));
        assert_eq!((stats.count, stats.min.to_bits()), (expected.count, expected.min.to_bits()));
        assert!((stats.sum - expected.sum).abs() < 1e-6);
    }
}

proptest! {
    #[test]
    fn slots_are_what_a_list_is(lead in 0..BLOCK_SLOTS, operations in prop::collection::vec(operation(), 1..25)) {
        let (mut slots, mut model) = (Slots::new(lead), Vec::new());
        for operation in operations {
            apply(operation, &mut slots, &mut model);
            check(&slots, &model);
        }
    }
}

#[test]
fn a_few_values_take_little_room_and_a_gap_takes_none() {
    let mut slots = Slots::new(0);
    (0..NEWEST).for_each(|_| slots.push(1.0));
    assert_eq!(slots.heap_bytes(), (0, 0));
    slots.push(1.0);
    assert_eq!(slots.heap_bytes(), (0, 64));
    slots.append_gap(10 * BLOCK_SLOTS);
    slots.push(1.0);
    let (sealed, open) = slots.heap_bytes();
    assert!(
        sealed < 12 * size_of::<Option<Block>>() + 64 && open == 64,
        "{sealed} and {open} bytes"
    );
}

#[test]
fn what_is_dropped_gives_its_memory_back_with_its_place_in_the_list() {
    let mut slots = Slots::new(0);
    slots.append(&vec![1.0; 100 * SLOTS]);
    let one = slots.heap_bytes().0 / 99;
    slots.drop_front(98);
    assert!(slots.heap_bytes().0 <= one + 16, "{:?}", slots.heap_bytes());
}

#[test]
fn a_block_is_sealed_when_the_next_one_begins_and_not_before() {
    let mut slots = Slots::new(BLOCK_SLOTS - 2);
    slots.append(&[1.0, 2.0]);
    assert_eq!(slots.stored(0), Stored::Open);
    slots.push(3.0);
    assert_eq!((slots.stored(0), slots.stored(1)), (Stored::Sealed, Stored::Open));
}

#[test]
fn what_a_view_shows_stays_whatever_is_written_later() {
    let mut slots = Slots::new(7);
    slots.append(&[1.0; 600]);
    let view = slots.view(0..600);
    (0..600).for_each(|at| slots.set(at, 2.0));
    slots.extend_front(300);
    let mut values = [0.0; 600];
    view.slots.read(0, &mut values);
    assert_eq!(bits(&values), bits(&[1.0; 600]));
}
