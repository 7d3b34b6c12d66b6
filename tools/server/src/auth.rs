//! Who may ask: JSON Web Tokens, signed with Ed25519.
//!
//! A token counts if its signature is of `EdDSA` and holds under the one key there is, and the time is
//! between its `nbf` and its `exp`, to the second; its `iat` is not ahead. None of them has to be there.
//! Signatures are checked once: tokens that held are remembered, up to a bound, and their times
//! checked every time.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde::Deserialize;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// How many bytes a key has.
const KEY_LEN: usize = 32;
/// How many tokens are remembered. The oldest is forgotten first.
const REMEMBERED_MAX: usize = 1024;
/// A longer token is refused unread.
const TOKEN_LEN_MAX: usize = 8 << 10;

/// The key that tokens are checked with, and what they must allow.
pub struct Tokens {
    key: DecodingKey,
    validation: Validation,
    role: Option<String>,
    remembered: Mutex<Remembered>,
}

#[derive(Default)]
struct Remembered {
    claims: HashMap<Arc<str>, Arc<Claims>>,
    by_age: VecDeque<Arc<str>>,
}

/// What a token says of itself.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Claims {
    exp: Option<f64>,
    nbf: Option<f64>,
    iat: Option<f64>,
    roles: Option<Vec<String>>,
}

/// Why a key is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The key is not standard base64.
    #[error("key is not standard base64")]
    Base64,
    /// The key has another length than an Ed25519 key.
    #[error("key has {0} bytes, an Ed25519 key has {KEY_LEN}")]
    Length(usize),
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wants {
    /// What every token allows.
    Any,
    /// What needs the role, if one was named.
    Role,
}

/// Why a request is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Denied {
    #[error("Use JWT Authentication")]
    NoToken,
    #[error("token is malformed or its signature does not hold")]
    Signature,
    #[error("token is expired")]
    Expired,
    #[error("token is not valid yet")]
    NotYet,
    #[error("token does not have the role that is needed")]
    Role,
}

impl Tokens {
    /// Checks tokens with this key: standard base64 of the raw bytes. With a role, `/api/free` and
    /// `/api/debug` need a token whose claim `roles` has it.
    ///
    /// ```
    /// let tokens = server::Tokens::new("kzfYrYy+TzpanWZHJ5qSdMj5uKUWgq74BWhQG6copP0=", None)?;
    /// assert!(server::Tokens::new("AAAA", None).is_err());
    /// # Ok::<(), server::KeyError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`KeyError`] if it is no such key.
    pub fn new(public_key: &str, role: Option<String>) -> Result<Self, KeyError> {
        let key = BASE64_STANDARD.decode(public_key.trim()).map_err(|_| KeyError::Base64)?;
        let key = key.try_into().map_err(|key: Vec<u8>| KeyError::Length(key.len()))?;
        Ok(Self::of_key(key, role))
    }

    /// Checks tokens with the raw bytes of a key, as [`new`](Self::new).
    #[must_use]
    pub fn of_key(key: [u8; KEY_LEN], role: Option<String>) -> Self {
        let mut validation = Validation::new(Algorithm::EdDSA);
        // The times are checked here, by the caller's clock; the audience is not ours to know.
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        let key = DecodingKey::from_ed_der(&key);
        Self { key, validation, role, remembered: Mutex::default() }
    }

    /// Checks the value of a header `Authorization`.
    pub(crate) fn check(
        &self,
        header: Option<&[u8]>,
        wants: Wants,
        now: i64,
    ) -> Result<(), Denied> {
        let token =
            header.and_then(|value| value.strip_prefix(b"Bearer ")).ok_or(Denied::NoToken)?;
        let token = str::from_utf8(token.trim_ascii()).map_err(|_| Denied::Signature)?;
        let claims = self.claims(token)?;
        claims.check_times(now)?;
        match (&self.role, wants) {
            (Some(role), Wants::Role) if !claims.has_role(role) => Err(Denied::Role),
            _ => Ok(()),
        }
    }

    fn claims(&self, token: &str) -> Result<Arc<Claims>, Denied> {
        if token.len() > TOKEN_LEN_MAX {
            return Err(Denied::Signature);
        }
        if let Some(claims) = self.remembered().claims.get(token) {
            return Ok(Arc::clone(claims));
        }
        let decoded = decode::<Claims>(token, &self.key, &self.validation);
        let claims = Arc::new(decoded.map_err(|_| Denied::Signature)?.claims);
        self.remembered().add(token, &claims);
        Ok(claims)
    }

    fn remembered(&self) -> std::sync::MutexGuard<'_, Remembered> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Remembered {
    fn add(&mut self, token: &str, claims: &Arc<Claims>) {
        let token: Arc<str> = token.into();
        if self.claims.insert(Arc::clone(&token), Arc::clone(claims)).is_some() {
            return;
        }
        self.by_age.push_back(token);
        if self.by_age.len() > REMEMBERED_MAX
            && let Some(oldest) = self.by_age.pop_front()
        {
            self.claims.remove(&oldest);
        }
    }
}

impl Claims {
    fn check_times(&self, now: i64) -> Result<(), Denied> {
        #[expect(clippy::cast_precision_loss, reason = "seconds of this age are exact")]
        let now = now as f64;
        if self.exp.is_some_and(|exp| now >= exp) {
            return Err(Denied::Expired);
        }
        let ahead = |time: Option<f64>| time.is_some_and(|time| now < time);
        if ahead(self.nbf) || ahead(self.iat) { Err(Denied::NotYet) } else { Ok(()) }
    }

    fn has_role(&self, role: &str) -> bool {
        self.roles.iter().flatten().any(|has| has == role)
    }
}

impl fmt::Debug for Tokens {
    // Tokens are as good as passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("role", &self.role).finish_non_exhaustive()
    }
}
