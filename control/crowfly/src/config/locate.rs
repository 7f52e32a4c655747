//! Where a key stands in the text of the file: serde tells positions of syntax errors only, and an
//! operator wants the line of a wrong value too.

use std::fmt;

/// One step down from a JSON value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Into a member of an object.
    Key(String),
    /// Into an element of an array.
    Index(usize),
}

/// Which value of the file is meant: `ports[0].addresses[1]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct KeyPath(pub(super) Vec<Step>);

impl KeyPath {
    /// This path and one member further.
    pub(super) fn key(&self, name: &str) -> Self {
        let mut steps = self.0.clone();
        steps.push(Step::Key(name.to_owned()));
        Self(steps)
    }

    /// This path and one element further.
    pub(super) fn index(&self, index: usize) -> Self {
        let mut steps = self.0.clone();
        steps.push(Step::Index(index));
        Self(steps)
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (depth, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(name) if depth == 0 => f.write_str(name)?,
                Step::Key(name) => write!(f, ".{name}")?,
            }
        }
        Ok(())
    }
}

/// Line and column, both from 1, of the member or element that `path` names; of its nearest ancestor
/// where the file does not have it. `text` is valid JSON.
pub(super) fn locate(text: &str, path: &KeyPath) -> (usize, usize) {
    let mut cursor = Cursor {
        text: text.as_bytes(),
        at: 0,
    };
    cursor.skip_space();
    let mut found = cursor.at;
    for step in &path.0 {
        let next = match step {
            Step::Key(name) => cursor.enter_member(name),
            Step::Index(index) => cursor.enter_element(*index),
        };
        match next {
            Some(at) => found = at,
            None => break,
        }
    }
    line_and_column(text, found)
}

/// Line and column, both from 1, of an offset into `text`.
fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = &text.as_bytes()[..offset.min(text.len())];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let start = before
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    let column = String::from_utf8_lossy(&before[start..]).chars().count() + 1;
    (line, column)
}

struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn eat(&mut self, wanted: u8) -> Option<()> {
        self.skip_space();
        (self.peek()? == wanted).then(|| self.at += 1)
    }

    /// Moves to the value of a member of the object ahead; returns where its key stands.
    fn enter_member(&mut self, name: &str) -> Option<usize> {
        self.eat(b'{')?;
        loop {
            self.skip_space();
            let start = self.at;
            let key = self.string()?;
            self.eat(b':')?;
            if serde_json::from_slice::<String>(key).is_ok_and(|key| key == name) {
                self.skip_space();
                return Some(start);
            }
            self.skip_value()?;
            self.eat(b',')?;
        }
    }

    /// Moves to an element of the array ahead; returns where it stands.
    fn enter_element(&mut self, index: usize) -> Option<usize> {
        self.eat(b'[')?;
        for _ in 0..index {
            self.skip_value()?;
            self.eat(b',')?;
        }
        self.skip_space();
        (self.peek()? != b']').then_some(self.at)
    }

    /// Steps over a string; returns it with its quotes.
    fn string(&mut self) -> Option<&'a [u8]> {
        let start = self.at;
        if self.peek()? != b'"' {
            return None;
        }
        self.at += 1;
        loop {
            match self.peek()? {
                b'\\' => self.at += 2,
                b'"' => break,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        self.text.get(start..self.at)
    }

    fn skip_value(&mut self) -> Option<()> {
        self.skip_space();
        let mut depth = 0_usize;
        loop {
            match self.peek()? {
                b'"' => {
                    self.string()?;
                }
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' if depth == 0 => return Some(()),
                b'}' | b']' => {
                    depth -= 1;
                    self.at += 1;
                }
                b',' if depth == 0 => return Some(()),
                _ => self.at += 1,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "{\n  \"a\": {\"}\": [1, {\"x\\\"y\": 2}, \"],\"]},\n  \"b\": [[], [true,\n  null]]\n}\n";

    fn at(path: KeyPath) -> (usize, usize) {
        locate(TEXT, &path)
    }

    #[test]
    fn finds_members_and_elements() {
        let root = KeyPath::default();
        assert_eq!(at(root.clone()), (1, 1));
        assert_eq!(at(root.key("a")), (2, 3));
        assert_eq!(at(root.key("a").key("}").index(1)), (2, 18));
        assert_eq!(at(root.key("a").key("}").index(1).key("x\"y")), (2, 19));
        assert_eq!(at(root.key("b").index(1).index(1)), (4, 3));
    }

    #[test]
    fn what_is_missing_is_found_at_its_ancestor() {
        let root = KeyPath::default();
        assert_eq!(at(root.key("c").key("d")), (1, 1));
        assert_eq!(at(root.key("b").index(7)), (3, 3));
        assert_eq!(at(root.key("b").index(0).index(0)), (3, 9));
    }

    #[test]
    fn writes_paths_as_people_do() {
        let path = KeyPath::default().key("ports").index(0).key("name");
        assert_eq!(path.to_string(), "ports[0].name");
    }
}
