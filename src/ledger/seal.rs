//! Bytes that tell whether they are whole: a header before them, a checksum of everything behind them.
//!
//! For files that only make chant faster. What is torn, foreign, of another version or changed in any byte does not open.

use std::io::{self, Write};

/// The checksum at the end.
pub(super) const SUM: usize = 4;
/// How many bytes are gathered before they are written and summed up: numbers one by one would take their time.
const HELD: usize = 1 << 16;

/// Writes, and sums up what it writes.
pub struct Seal<'a> {
    to: &'a mut dyn Write,
    sum: crc32fast::Hasher,
    held: Vec<u8>,
}

impl<'a> Seal<'a> {
    /// Begins with a header.
    pub fn new(to: &'a mut dyn Write, header: &[u8]) -> Self {
        let mut held = Vec::with_capacity(HELD);
        held.extend(header);
        Self { to, sum: crc32fast::Hasher::new(), held }
    }

    fn pass_on(&mut self) -> io::Result<()> {
        self.sum.update(&self.held);
        self.to.write_all(&self.held)?;
        self.held.clear();
        Ok(())
    }

    /// Ends with the checksum: without it nothing of it opens.
    ///
    /// # Errors
    /// What it is written to says.
    pub fn finish(mut self) -> io::Result<()> {
        self.pass_on()?;
        self.to.write_all(&self.sum.finalize().to_le_bytes())
    }
}

impl Write for Seal<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.held.extend(bytes);
        if self.held.len() >= HELD {
            self.pass_on()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.pass_on()?;
        self.to.flush()
    }
}

/// What stands between the header and the checksum; `None` where either is another one.
pub fn opened<'b>(bytes: &'b [u8], header: &[u8]) -> Option<&'b [u8]> {
    let (all, sum) = bytes.strip_prefix(header)?.split_at_checked(bytes.len().checked_sub(header.len() + SUM)?)?;
    let whole = crc32fast::hash(&bytes[..header.len() + all.len()]);
    (sum == whole.to_le_bytes()).then_some(all)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;

    fn sealed(header: &[u8], all: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut seal = Seal::new(&mut bytes, header);
        seal.write_all(all).unwrap();
        seal.finish().unwrap();
        bytes
    }

    proptest! {
        #[test]
        fn what_is_whole_opens_and_nothing_else(
            all in proptest::collection::vec(any::<u8>(), 0..200), at in any::<Index>(), flip in 1..=255u8, cut in any::<Index>(),
        ) {
            let bytes = sealed(b"this 1\n", &all);
            prop_assert_eq!(opened(&bytes, b"this 1\n"), Some(&all[..]));
            prop_assert_eq!(opened(&bytes, b"this 2\n"), None);
            prop_assert_eq!(opened(&bytes[..cut.index(bytes.len())], b"this 1\n"), None);
            let mut changed = bytes.clone();
            changed[at.index(bytes.len())] ^= flip;
            prop_assert_eq!(opened(&changed, b"this 1\n"), None);
        }
    }

    #[test]
    fn much_is_summed_up_piece_by_piece() {
        let all = vec![7; 3 * HELD + 1];
        let mut bytes = Vec::new();
        let mut seal = Seal::new(&mut bytes, b"");
        all.iter().try_for_each(|byte| seal.write_all(&[*byte])).unwrap();
        seal.finish().unwrap();
        assert_eq!(opened(&bytes, b""), Some(&all[..]));
    }
}
