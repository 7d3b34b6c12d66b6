//! Tests against golden files and every kind of damage.
