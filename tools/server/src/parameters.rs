//! The parameters of a URL.

use crate::reply::{Refusal, bad};
use axum::http::Uri;
use form_urlencoded::Parse;
use std::borrow::Cow;

/// The query of a URL, `?name=value&…`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parameters<'a>(&'a str);

impl<'a> Parameters<'a> {
    pub(crate) fn of(uri: &'a Uri) -> Self {
        Self(uri.query().unwrap_or_default())
    }

    fn parse(self) -> Parse<'a> {
        form_urlencoded::parse(self.0.as_bytes())
    }

    /// The first value of a name.
    pub(crate) fn get(self, name: &str) -> Option<Cow<'a, str>> {
        self.all(name).next()
    }

    /// All values of a name.
    pub(crate) fn all(self, name: &str) -> impl Iterator<Item = Cow<'a, str>> {
        self.parse().filter(move |(key, _)| key == name).map(|(_, value)| value)
    }

    /// The first value of a name, if it is not empty.
    pub(crate) fn required(self, name: &str) -> Result<Cow<'a, str>, Refusal> {
        self.get(name)
            .filter(|value| !value.is_empty())
            .ok_or_else(|| bad(&format!("'{name}' is a required query parameter")))
    }

    /// An integer, if it is there.
    pub(crate) fn integer(self, name: &str) -> Result<Option<i64>, Refusal> {
        let Some(text) = self.get(name).filter(|value| !value.is_empty()) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| bad(&format!("'{name}' is no integer: {text}")))
    }
}
