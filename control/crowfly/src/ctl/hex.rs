//! Octets as people write them.

/// Most octets of a packet in hex.
const MAX_OCTETS: usize = 65_536 + 64;

/// Reads hex digits in pairs; white space, colons and commas are skipped, `0x` too.
///
/// # Errors
///
/// Says what stands there instead, and where.
pub(super) fn parse(text: &str) -> Result<Vec<u8>, String> {
    let mut octets = Vec::new();
    let mut high = None;
    let mut previous = ' ';
    for (position, character) in text.chars().enumerate() {
        let separator = character.is_whitespace() || ":,".contains(character);
        if matches!(character, 'x' | 'X') && previous == '0' && high == Some(0) {
            high = None;
        } else if let Some(digit) = character.to_digit(16) {
            high = match high {
                None => Some(digit),
                Some(high) => {
                    octets.push((high << 4 | digit) as u8);
                    None
                }
            };
        } else if !separator {
            let at = position + 1;
            return Err(format!("character {at}, {character:?}, is not a hex digit"));
        } else if high.is_some() {
            let at = position + 1;
            return Err(format!("an octet of one digit ends at character {at}"));
        }
        previous = character;
    }
    if high.is_some() {
        return Err("an odd number of hex digits".to_owned());
    }
    match octets.len() {
        0 => Err("no octets".to_owned()),
        1..=MAX_OCTETS => Ok(octets),
        length => Err(format!("{length} octets are more than a packet")),
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn takes_what_people_paste() {
        for text in [
            "0a0bFF",
            "0a 0b ff",
            "0a:0b:ff\n",
            "0x0a, 0x0b, 0xff",
            "  0a\n0b\tff ",
        ] {
            assert_eq!(parse(text).unwrap(), [0x0a, 0x0b, 0xff], "{text:?}");
        }
        assert_eq!(parse("00 00").unwrap(), [0, 0]);
    }

    #[test]
    fn says_what_is_no_hex() {
        for (text, reason) in [
            ("", "no octets"),
            ("0g", "character 2, 'g'"),
            ("0a 0", "odd number"),
            ("0 a", "one digit ends at character 2"),
            ("1x0a", "'x'"),
            ("mag.pcap", "'m'"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(reason), "{text:?}: {error}");
        }
    }
}
