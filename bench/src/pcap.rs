//! Capture files: the classic format, little-endian, Ethernet.

use std::io::{self, Write};

const MAGIC: u32 = 0xa1b2_c3d4;
const VERSION: (u16, u16) = (2, 4);
const SNAP_LENGTH: u32 = 65_535;
const LINK_TYPE_ETHERNET: u32 = 1;

/// Writes the file's header.
///
/// # Errors
/// The writer's.
pub fn header(out: &mut impl Write) -> io::Result<()> {
    out.write_all(&MAGIC.to_le_bytes())?;
    out.write_all(&VERSION.0.to_le_bytes())?;
    out.write_all(&VERSION.1.to_le_bytes())?;
    // Time zone and accuracy are always zero.
    out.write_all(&[0; 8])?;
    out.write_all(&SNAP_LENGTH.to_le_bytes())?;
    out.write_all(&LINK_TYPE_ETHERNET.to_le_bytes())
}

/// Writes a frame, as if captured at the beginning of time.
///
/// # Errors
/// The writer's.
pub fn frame(out: &mut impl Write, frame: &[u8]) -> io::Result<()> {
    let length = (frame.len() as u32).to_le_bytes();
    out.write_all(&[0; 8])?;
    out.write_all(&length)?;
    out.write_all(&length)?;
    out.write_all(frame)
}

#[cfg(test)]
mod tests {
    use pcap_file::pcap::PcapReader;

    #[test]
    fn another_reader_finds_the_frames() {
        let mut file = Vec::new();
        super::header(&mut file).expect("memory takes all");
        super::frame(&mut file, &[1; 64]).expect("memory takes all");
        super::frame(&mut file, &[2; 104]).expect("memory takes all");
        let mut reader = PcapReader::new(&file[..]).expect("a capture file");
        let first = reader.next_packet().expect("a frame").expect("well formed");
        assert_eq!(&*first.data, &[1; 64]);
        let second = reader.next_packet().expect("a frame").expect("well formed");
        assert_eq!(&*second.data, &[2; 104]);
        assert!(reader.next_packet().is_none());
    }
}
