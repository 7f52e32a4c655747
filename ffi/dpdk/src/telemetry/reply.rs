//! What a command answers: names with numbers and texts, within DPDK's bounds.
//!
//! DPDK leaves out, without a word, what does not fit into its 16 KiB of JSON, and what an entry too many would be. Here
//! both are errors at the moment at which an entry is added, so that a reply that exists arrives whole.

use std::ffi::{CString, c_int};
use std::ptr::NonNull;

use dpdk_sys as sys;
use thiserror::Error;

/// Most entries of a reply.
const MAX_ENTRIES: usize = sys::RTE_TEL_MAX_DICT_ENTRIES as usize;
/// Most elements of a list.
const MAX_ELEMENTS: usize = sys::RTE_TEL_MAX_ARRAY_ENTRIES as usize;
/// Longest name or text, octets.
const MAX_TEXT_BYTES: usize = sys::RTE_TEL_MAX_STRING_LEN as usize - 1;
/// What the JSON of a reply may take: DPDK's buffer (`MAX_OUTPUT_LEN`) without the command's name and the braces around.
const MAX_JSON_BYTES: usize = 16 * 1024 - 64;
/// The end of a text that was too long.
const CUT: &str = "...";

/// Why an entry was not added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ReplyError {
    /// DPDK takes letters, digits, `_` and `/`, at most 127 of them.
    #[error("no name for an entry of a telemetry reply: 1 to 127 letters, digits, _ and /")]
    BadName,
    /// An entry of that name is there.
    #[error("a telemetry reply has each name once")]
    Twice,
    /// 256 entries, 512 elements of a list, or 16 KiB of JSON would be exceeded.
    #[error("the telemetry reply has no room for more")]
    Full,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Value {
    Number(u64),
    Text(CString),
    Numbers(Vec<u64>),
    Texts(Vec<CString>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    name: CString,
    value: Value,
    json_bytes: usize,
}

/// A reply: names with values, in the order in which they were added.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TelemetryReply {
    entries: Vec<Entry>,
    json_bytes: usize,
}

impl TelemetryReply {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a number.
    ///
    /// # Errors
    /// The reply is as it was.
    pub fn number(&mut self, name: &str, number: u64) -> Result<(), ReplyError> {
        self.add(name, Value::Number(number))
    }

    /// Adds a text: its first 127 octets, with `?` for what is not printable ASCII.
    ///
    /// # Errors
    /// The reply is as it was.
    pub fn text(&mut self, name: &str, text: &str) -> Result<(), ReplyError> {
        self.add(name, Value::Text(plain(text)))
    }

    /// Adds a list of numbers.
    ///
    /// # Errors
    /// The reply is as it was.
    pub fn numbers(&mut self, name: &str, numbers: &[u64]) -> Result<(), ReplyError> {
        self.add(name, Value::Numbers(numbers.to_vec()))
    }

    /// Adds a list of texts, each as [`TelemetryReply::text`] has it.
    ///
    /// # Errors
    /// The reply is as it was.
    pub fn texts<'a>(
        &mut self,
        name: &str,
        texts: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), ReplyError> {
        self.add(name, Value::Texts(texts.into_iter().map(plain).collect()))
    }

    /// Takes the last entry away; false when there is none.
    pub fn remove_last(&mut self) -> bool {
        let last = self.entries.pop();
        self.json_bytes -= last.as_ref().map_or(0, |entry| entry.json_bytes);
        last.is_some()
    }

    /// The value of a number.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<u64> {
        match self.entry(name)?.value {
            Value::Number(number) => Some(number),
            _ => None,
        }
    }

    /// Names, in the order in which they were added.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        // They are ASCII: `add` has looked.
        self.entries
            .iter()
            .filter_map(|entry| entry.name.to_str().ok())
    }

    fn entry(&self, name: &str) -> Option<&Entry> {
        let mut entries = self.entries.iter();
        entries.find(|entry| entry.name.as_bytes() == name.as_bytes())
    }

    fn add(&mut self, name: &str, value: Value) -> Result<(), ReplyError> {
        let good = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'_' | b'/');
        if name.is_empty() || name.len() > MAX_TEXT_BYTES || !name.bytes().all(good) {
            return Err(ReplyError::BadName);
        }
        if self.entry(name).is_some() {
            return Err(ReplyError::Twice);
        }
        // A comma, two quotes and a colon are around the name.
        let json_bytes = name.len() + 4 + value.json_bytes();
        let full = self.entries.len() == MAX_ENTRIES
            || value.elements() > MAX_ELEMENTS
            || self.json_bytes + json_bytes > MAX_JSON_BYTES;
        if full {
            return Err(ReplyError::Full);
        }
        let name = CString::new(name).map_err(|_| ReplyError::BadName)?;
        self.json_bytes += json_bytes;
        self.entries.push(Entry {
            name,
            value,
            json_bytes,
        });
        Ok(())
    }

    /// Hands it to DPDK: 0, or a negative error with nothing left behind.
    ///
    /// # Safety
    /// `data` is what DPDK has given to a telemetry callback, which has done nothing with it.
    pub(super) unsafe fn write(&self, data: *mut sys::rte_tel_data) -> c_int {
        // All lists before any entry: DPDK frees those of an answer, and not those of an error.
        let mut lists = Vec::new();
        for entry in &self.entries {
            match entry.value.list() {
                Ok(Some(list)) => lists.push(list),
                Ok(None) => {}
                Err(NoMemory) => {
                    lists.into_iter().for_each(free);
                    return -libc::ENOMEM;
                }
            }
        }
        // SAFETY: the caller's promise: `data` is ours to fill until the callback returns.
        unsafe { sys::rte_tel_data_start_dict(data) };
        let mut lists = lists.into_iter();
        for Entry { name, value, .. } in &self.entries {
            let name = name.as_ptr();
            // SAFETY: as above; names and texts are C strings, and DPDK copies them. `add` has kept every bound, so that
            // none of this fails and DPDK has taken every list, to free it (`keep` 0) when the answer is sent.
            unsafe {
                match value {
                    Value::Number(number) => sys::rte_tel_data_add_dict_u64(data, name, *number),
                    Value::Text(text) => {
                        sys::rte_tel_data_add_dict_string(data, name, text.as_ptr())
                    }
                    Value::Numbers(_) | Value::Texts(_) => lists.next().map_or(0, |list| {
                        sys::rte_tel_data_add_dict_container(data, name, list.as_ptr(), 0)
                    }),
                }
            };
        }
        0
    }
}

/// There is no memory for a list.
struct NoMemory;

impl Value {
    /// Octets of its JSON, at most.
    fn json_bytes(&self) -> usize {
        let digits = |number: &u64| number.checked_ilog10().unwrap_or(0) as usize + 1;
        let quoted = |text: &CString| {
            let escaped = text.as_bytes().iter().filter(|o| matches!(o, b'"' | b'\\'));
            text.as_bytes().len() + escaped.count() + 2
        };
        match self {
            Self::Number(number) => digits(number),
            Self::Text(text) => quoted(text),
            // Brackets, and a comma each.
            Self::Numbers(all) => 2 + all.iter().map(|number| digits(number) + 1).sum::<usize>(),
            Self::Texts(all) => 2 + all.iter().map(|text| quoted(text) + 1).sum::<usize>(),
        }
    }

    fn elements(&self) -> usize {
        match self {
            Self::Number(_) | Self::Text(_) => 1,
            Self::Numbers(all) => all.len(),
            Self::Texts(all) => all.len(),
        }
    }

    /// A list as DPDK has it; the caller owns it.
    fn list(&self) -> Result<Option<NonNull<sys::rte_tel_data>>, NoMemory> {
        let kind = match self {
            Self::Number(_) | Self::Text(_) => return Ok(None),
            Self::Numbers(_) => sys::RTE_TEL_U64_VAL,
            Self::Texts(_) => sys::RTE_TEL_STRING_VAL,
        };
        // SAFETY: takes nothing; answers memory that is ours, or a null pointer.
        let list = NonNull::new(unsafe { sys::rte_tel_data_alloc() }).ok_or(NoMemory)?;
        // SAFETY: the list is ours, and this makes it an empty one of a kind that DPDK knows.
        unsafe { sys::rte_tel_data_start_array(list.as_ptr(), kind) };
        match self {
            Self::Number(_) | Self::Text(_) => {}
            Self::Numbers(all) => all.iter().for_each(|number| {
                // SAFETY: the list is ours, of this kind, and has room: `add` has counted.
                unsafe { sys::rte_tel_data_add_array_u64(list.as_ptr(), *number) };
            }),
            Self::Texts(all) => all.iter().for_each(|text| {
                // SAFETY: as above; the C string is copied.
                unsafe { sys::rte_tel_data_add_array_string(list.as_ptr(), text.as_ptr()) };
            }),
        }
        Ok(Some(list))
    }
}

fn free(list: NonNull<sys::rte_tel_data>) {
    // SAFETY: `Value::list` has made it, and nobody else has it.
    unsafe { sys::rte_tel_data_free(list.as_ptr()) };
}

/// A text as DPDK can show it: `MAX_TEXT_BYTES` of printable ASCII. Its JSON writer takes an octet beyond ASCII for a
/// negative index.
fn plain(text: &str) -> CString {
    let printable = |character: char| match character {
        ' '..='~' => character,
        _ => '?',
    };
    let mut plain: String = text.chars().map(printable).collect();
    if plain.len() > MAX_TEXT_BYTES {
        plain.truncate(MAX_TEXT_BYTES - CUT.len());
        plain.push_str(CUT);
    }
    // There is no NUL among them.
    CString::new(plain).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_dpdk_takes_and_each_comes_once() {
        let mut reply = TelemetryReply::new();
        for bad in ["", "net.rx", "a-b", "a b", "ä", "a\0", &"a".repeat(128)] {
            assert_eq!(reply.number(bad, 1), Err(ReplyError::BadName), "{bad}");
        }
        reply.number(&"a".repeat(127), 1).expect("the longest");
        reply.number("net/rx_1", 1).expect("a name");
        assert_eq!(reply.text("net/rx_1", "x"), Err(ReplyError::Twice));
        assert_eq!(reply.get("net/rx_1"), Some(1));
    }

    #[test]
    fn what_is_too_much_is_refused_and_changes_nothing() {
        let mut reply = TelemetryReply::new();
        for at in 0..256 {
            reply.number(&format!("n{at}"), 7).expect("room");
        }
        let before = reply.clone();
        assert_eq!(reply.number("one_more", 7), Err(ReplyError::Full));
        assert_eq!(reply, before);
        assert!(reply.remove_last());
        reply.number("one_more", 7).expect("room again");
        assert_eq!(reply.names().last(), Some("one_more"));
        let mut reply = TelemetryReply::new();
        assert_eq!(reply.numbers("many", &[1; 513]), Err(ReplyError::Full));
        let texts = vec!["0123456789".repeat(12); 200];
        let texts = texts.iter().map(String::as_str);
        assert_eq!(reply.texts("long", texts), Err(ReplyError::Full));
        assert!(!reply.remove_last() && reply == TelemetryReply::new());
    }

    #[test]
    fn octets_are_counted_as_the_json_has_them() {
        let mut reply = TelemetryReply::new();
        reply.number("a", 10).unwrap();
        assert_eq!(reply.json_bytes, r#","a":10"#.len());
        reply.text("b", "\"\\").unwrap();
        reply.numbers("c", &[0, 10]).unwrap();
        reply.texts("d", ["x", ""]).unwrap();
        let rest = r#","a":10,"b":"\"\\","c":[0,10,],"d":["x","",]"#;
        assert_eq!(reply.json_bytes, rest.len());
        assert!(reply.remove_last() && reply.remove_last() && reply.remove_last());
        assert_eq!(reply.json_bytes, r#","a":10"#.len());
    }

    #[test]
    fn texts_are_printable_ascii_and_short() {
        assert_eq!(plain("a\n\0é€~").as_bytes(), b"a????~");
        let long = plain(&"x".repeat(128));
        assert_eq!(long.as_bytes().len(), 127);
        assert!(long.as_bytes().ends_with(b"x..."));
        assert_eq!(
            plain(&"x".repeat(127)).as_bytes(),
            "x".repeat(127).as_bytes()
        );
    }
}
