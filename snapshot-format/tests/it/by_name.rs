//! The sorted vector, against the standard library's map.

use proptest::collection::vec;
use proptest::prelude::*;
use snapshot_format::ByName;
use std::collections::BTreeMap;

type Model = BTreeMap<Vec<u8>, u32>;

/// Few names, so that they meet.
fn name() -> impl Strategy<Value = Vec<u8>> {
    vec(prop_oneof![Just(0_u8), Just(b'a'), Just(0xff)], 0..4)
}

fn assert_same(names: &ByName<u32>, model: &Model) {
    let expected = || model.iter().map(|(name, value)| (name.as_slice(), value));
    assert!(names.iter().eq(expected()));
    assert!(names.iter().rev().eq(expected().rev()));
    assert!(names.keys().eq(model.keys()));
    assert!(names.values().eq(model.values()));
    assert!(names.clone().into_values().eq(model.clone().into_values()));
    let owned = names.clone().into_iter().map(|(name, value)| (name.into_vec(), value));
    assert!(owned.eq(model.clone()));
    assert_eq!((names.len(), names.is_empty()), (model.len(), model.is_empty()));
    assert_eq!(names.iter().len(), model.len());
}

proptest! {
    #[test]
    fn what_is_collected_is_the_map_of_it(entries in vec((name(), any::<u32>()), 0..60)) {
        let model: Model = entries.iter().cloned().collect();
        let names: ByName<u32> = entries.into_iter().collect();
        assert_same(&names, &model);
    }

    #[test]
    fn every_step_answers_as_a_map_does(
        steps in vec((0..5, name(), any::<u32>()), 0..60),
    ) {
        let (mut names, mut model) = (ByName::<u32>::default(), Model::new());
        for (step, name, value) in steps {
            match step {
                0 | 1 => prop_assert_eq!(names.insert(&name, value), model.insert(name, value)),
                2 => prop_assert_eq!(names.remove(&name), model.remove(&name)),
                3 => {
                    let (one, other) = (names.get_or_default(&name), model.entry(name));
                    let other = other.or_default();
                    *one = one.wrapping_add(value);
                    *other = other.wrapping_add(value);
                }
                _ => {
                    prop_assert_eq!(names.contains_key(&name), model.contains_key(&name));
                    prop_assert_eq!(names.get(&name), model.get(&name));
                    let both = (names.get_mut(&name), model.get_mut(&name));
                    if let (Some(one), Some(other)) = both {
                        (*one, *other) = (value, value);
                    }
                }
            }
            assert_same(&names, &model);
            let collected: ByName<u32> = model.clone().into_iter().rev().collect();
            prop_assert_eq!(&names, &collected);
        }
        for value in names.values_mut() {
            *value = 7;
        }
        for value in model.values_mut() {
            *value = 7;
        }
        assert_same(&names, &model);
        names.clear();
        assert_same(&names, &Model::new());
    }
}

#[test]
fn names_are_shown_legibly_and_told_apart() {
    let names: ByName<u32> = [(&b"a\"b"[..], 1), (b"\xff", 2), (b"\xfe", 3)].into_iter().collect();
    assert_eq!(format!("{names:?}"), r#"{"a\"b": 1, "\xfe": 3, "\xff": 2}"#);
}

#[test]
#[should_panic(expected = "no such name")]
fn a_name_that_was_promised_and_is_not_there_panics() {
    let _ = ByName::<u32>::default()[b"socket0"];
}
