//! Cuts a stream of bytes into lines, however the bytes arrive.

/// A line is longer than allowed; where the next one starts is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a line is longer than {max_bytes} bytes")]
pub struct TooLong {
    /// Longest line allowed, without its newline.
    pub max_bytes: usize,
}

/// Cuts a stream of bytes into lines. Holds one line and one chunk at most, if the caller asks for
/// lines until there is none before it pushes more.
#[derive(Debug)]
pub struct LineSplitter {
    buffer: Vec<u8>,
    /// Where the next line starts.
    start: usize,
    /// Up to here no newline was found.
    searched: usize,
    max_bytes: usize,
}

impl LineSplitter {
    /// A splitter for lines of at most `max_bytes`, their newline not counted.
    #[must_use]
    pub fn new(max_bytes: usize) -> Self {
        Self {
            buffer: Vec::new(),
            start: 0,
            searched: 0,
            max_bytes,
        }
    }

    /// Takes bytes as they came.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole line, without its newline.
    ///
    /// # Errors
    ///
    /// The line, whole or not yet, is longer than allowed.
    pub fn next_line(&mut self) -> Result<Option<&[u8]>, TooLong> {
        let newline = self.buffer[self.searched..]
            .iter()
            .position(|byte| *byte == b'\n');
        let end = match newline {
            Some(offset) => self.searched + offset,
            None => self.buffer.len(),
        };
        if end - self.start > self.max_bytes {
            return Err(TooLong {
                max_bytes: self.max_bytes,
            });
        }
        self.searched = end;
        if newline.is_none() {
            return Ok(None);
        }
        let line = self.start..end;
        self.start = end + 1;
        self.searched = self.start;
        Ok(Some(&self.buffer[line]))
    }

    /// What came after the last newline, or has not been asked for yet.
    #[must_use]
    pub fn rest(&self) -> &[u8] {
        &self.buffer[self.start..]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Lines of a stream that arrives in the given chunks, and how it ended.
    fn split(chunks: &[&[u8]], max_bytes: usize) -> (Vec<Vec<u8>>, Result<Vec<u8>, TooLong>) {
        let mut splitter = LineSplitter::new(max_bytes);
        let mut lines = Vec::new();
        for chunk in chunks {
            splitter.push(chunk);
            loop {
                match splitter.next_line() {
                    Ok(Some(line)) => lines.push(line.to_vec()),
                    Ok(None) => break,
                    Err(error) => return (lines, Err(error)),
                }
            }
        }
        (lines, Ok(splitter.rest().to_vec()))
    }

    #[test]
    fn a_line_may_be_as_long_as_allowed_and_no_longer() {
        assert_eq!(
            split(&[b"abc\nd"], 3),
            (vec![b"abc".to_vec()], Ok(b"d".to_vec()))
        );
        assert!(split(&[b"abcd\n"], 3).1.is_err());
        assert!(split(&[b"ab", b"cd"], 3).1.is_err());
        assert_eq!(split(&[b"\n\n"], 0), (vec![vec![], vec![]], Ok(vec![])));
    }

    proptest! {
        #[test]
        fn chunks_do_not_matter(
            bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'a'), any::<u8>()], 0..200),
            cuts in proptest::collection::vec(0_usize..200, 0..20),
            max_bytes in 0_usize..40,
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();

            let (lines, end) = split(&chunks, max_bytes);

            let mut expected: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
            let rest = expected.pop().unwrap();
            let fitting = expected.iter().take_while(|line| line.len() <= max_bytes).count();
            prop_assert_eq!(&lines, &expected[..fitting]);
            if fitting < expected.len() || rest.len() > max_bytes {
                prop_assert_eq!(end, Err(TooLong { max_bytes }));
            } else {
                prop_assert_eq!(end, Ok(rest.to_vec()));
            }
        }
    }
}
