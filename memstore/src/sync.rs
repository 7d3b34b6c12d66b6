//! The locks of [`Directory`](crate::Directory), in one place, so that its test can put those of a
//! scheduler there that tries interleavings.

pub(crate) use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
