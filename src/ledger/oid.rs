//! The name of a Git object.

use std::fmt;
use std::str::FromStr;

use miette::Diagnostic;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

/// The bytes of a SHA-1.
const SHORT: usize = 20;
/// The bytes of a SHA-256.
const LONG: usize = 32;

/// The id of a Git object: 20 bytes (SHA-1) or 32 (SHA-256). Shown as lower-case hex; ordered as its hex is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Oid {
    // Before the length, so that the derived order is that of the bytes.
    bytes: [u8; LONG],
    len: u8,
}

/// A text that is no full object id.
#[derive(Debug, Clone, PartialEq, Eq, Error, Diagnostic)]
#[error("{text:?} is no object id")]
#[diagnostic(
    code(chant::oid),
    help("an object id is 40 or 64 hex digits, never abbreviated: `git rev-parse <revision>` prints it")
)]
pub struct OidError {
    /// The refused text, cut short.
    pub text: String,
}

impl Oid {
    /// The id of these bytes; `None` unless there are 20 or 32 of them.
    pub fn from_bytes(raw: &[u8]) -> Option<Self> {
        if raw.len() != SHORT && raw.len() != LONG {
            return None;
        }
        let mut bytes = [0; LONG];
        bytes.get_mut(..raw.len())?.copy_from_slice(raw);
        Some(Self { bytes, len: u8::try_from(raw.len()).ok()? })
    }

    /// The id that no object has, in SHA-1's length.
    pub fn null() -> Self {
        Self { bytes: [0; LONG], len: 20 }
    }

    /// Whether it is the id that no object has: Git's word for nothing.
    pub fn is_null(&self) -> bool {
        self.bytes == [0; LONG]
    }

    /// The raw bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// The first 8 hex digits: for people, never to be read back.
    pub fn short(&self) -> String {
        let mut hex = self.to_string();
        hex.truncate(8);
        hex
    }

    /// A number to spread ids by: object ids are hashes already.
    pub(super) fn spread(&self) -> u64 {
        self.bytes.iter().take(8).fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
        let hex: String = self.as_bytes().iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect();
        f.pad(&hex)
    }
}

impl fmt::Debug for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Oid {
    type Err = OidError;

    fn from_str(text: &str) -> Result<Self, OidError> {
        let nibble = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
        let byte = |pair: &[u8]| Some((nibble(*pair.first()?)? << 4) | nibble(*pair.get(1)?)?);
        let whole = text.len() == 2 * SHORT || text.len() == 2 * LONG;
        let bytes: Option<Vec<u8>> = if whole { text.as_bytes().chunks(2).map(byte).collect() } else { None };
        bytes
            .and_then(|bytes| Self::from_bytes(&bytes))
            .ok_or_else(|| OidError { text: text.chars().take(2 * LONG).collect() })
    }
}

/// As bytes: for files of this program's own, not for people.
impl Serialize for Oid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.as_bytes())
    }
}

impl<'de> Deserialize<'de> for Oid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = <&[u8]>::deserialize(deserializer)?;
        Self::from_bytes(bytes).ok_or_else(|| de::Error::invalid_length(bytes.len(), &"20 bytes or 32"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_either_length_reads_back_what_it_prints() {
        for raw in [vec![0xab; 20], (0..32).collect::<Vec<u8>>()] {
            let oid = Oid::from_bytes(&raw).unwrap();
            assert_eq!(oid.as_bytes(), raw);
            assert_eq!(oid.to_string().parse::<Oid>().unwrap(), oid);
            assert_eq!(oid.to_string().to_uppercase().parse::<Oid>().unwrap(), oid);
            assert!(oid.to_string().starts_with(&oid.short()));
        }
    }

    #[test]
    fn anything_else_is_no_id() {
        assert_eq!(Oid::from_bytes(&[1; 19]), None);
        let wrong_digit = "g".repeat(40);
        let two_bytes_a_letter = "é".repeat(20);
        for text in ["", "abc", wrong_digit.as_str(), two_bytes_a_letter.as_str(), "+1"] {
            assert!(text.parse::<Oid>().is_err(), "{text}");
        }
    }
}
