//! `crowflyctl decode`: packets as a node understands them, without a node.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use pmipv6::wire::Numbering;
use pmipv6::wire::describe::{Field, Start, describe_from, render_text};
use serde_json::{Value, json};

use super::args::DecodeArgs;
use super::capture::{Capture, Packet};
use super::error::Failure;
use super::hex;

/// Most text that is taken for hex.
const MAX_HEX_BYTES: u64 = 1024 * 1024;

/// What hex on the command line is called.
const ARGUMENT: &str = "the argument";

/// What hex on standard input is called.
const STDIN: &str = "standard input";

/// Decodes what the arguments name.
pub(super) fn run(args: &DecodeArgs, as_json: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let numbering = args.numbering.into();
    let mut printer = Printer {
        numbering,
        as_json,
        several: false,
        all: 0,
        bad: 0,
        out,
    };
    match args.input.as_slice() {
        [one] if one == "-" => printer.hex(&read_text(&mut std::io::stdin(), STDIN)?, STDIN)?,
        [one] => match File::open(one) {
            Ok(file) => printer.file(Path::new(one), file)?,
            Err(_) if hex::parse(one).is_ok() => printer.hex(one, ARGUMENT)?,
            Err(source) if looks_like_a_path(one) => {
                let path = Path::new(one).to_path_buf();
                return Err(Failure::File { path, source });
            }
            Err(_) => printer.hex(one, ARGUMENT)?,
        },
        several => printer.hex(&several.join(" "), ARGUMENT)?,
    }
    match printer {
        Printer { bad: 0, .. } => Ok(()),
        Printer { bad, all, .. } => Err(Failure::BadPackets { bad, all }),
    }
}

fn looks_like_a_path(text: &str) -> bool {
    text.contains(['/', '.'])
}

fn read_text(input: &mut dyn Read, name: &str) -> Result<String, Failure> {
    let mut text = Vec::new();
    input
        .take(MAX_HEX_BYTES + 1)
        .read_to_end(&mut text)
        .map_err(|source| Failure::File {
            path: name.into(),
            source,
        })?;
    if text.len() as u64 > MAX_HEX_BYTES {
        return Err(Failure::Usage(format!(
            "{name}: too long for a packet in hex"
        )));
    }
    String::from_utf8(text)
        .map_err(|_| Failure::Usage(format!("{name}: neither a capture (pcap, pcapng) nor hex")))
}

struct Printer<'a> {
    numbering: Numbering,
    as_json: bool,
    /// Packets are numbered.
    several: bool,
    all: u64,
    bad: u64,
    out: &'a mut dyn Write,
}

impl Printer<'_> {
    fn hex(&mut self, text: &str, source: &str) -> Result<(), Failure> {
        let octets = hex::parse(text).map_err(|reason| {
            Failure::Usage(format!(
                "{source}: neither a capture (pcap, pcapng) nor hex: {reason}"
            ))
        })?;
        let original_octets = u32::try_from(octets.len()).unwrap_or(u32::MAX);
        self.packet(&Packet {
            time: None,
            start: Start::Guess,
            octets,
            original_octets,
        })
    }

    fn file(&mut self, path: &Path, file: File) -> Result<(), Failure> {
        let failed = |source| Failure::File {
            path: path.to_path_buf(),
            source,
        };
        let mut again = file.try_clone().map_err(failed)?;
        let Some(mut capture) = Capture::open(path, file).map_err(Failure::Usage)? else {
            let text = read_text(&mut again, &path.display().to_string())?;
            return self.hex(&text, &path.display().to_string());
        };
        self.several = true;
        while let Some(packet) = capture.next_packet() {
            let packet = packet.map_err(|reason| {
                Failure::Usage(format!(
                    "{}: after packet {}: {reason}",
                    path.display(),
                    self.all
                ))
            })?;
            self.packet(&packet)?;
        }
        Ok(())
    }

    fn packet(&mut self, packet: &Packet) -> Result<(), Failure> {
        let layers = describe_from(packet.start, &self.numbering, &packet.octets);
        let problems: Vec<&Field> = layers
            .iter()
            .flat_map(Field::walk)
            .filter(|field| field.problem.is_some())
            .collect();
        self.all += 1;
        self.bad += u64::from(!problems.is_empty());
        match self.as_json {
            true => self.json(packet, &layers, &problems),
            false => self.text(packet, &layers),
        }
    }

    fn json(
        &mut self,
        packet: &Packet,
        layers: &[Field],
        problems: &[&Field],
    ) -> Result<(), Failure> {
        let problems: Vec<Value> = problems
            .iter()
            .map(|field| json!({ "field": field.name, "offset": field.offset, "problem": field.problem }))
            .collect();
        let time_s = packet.time.map(|time| time.as_secs_f64());
        let described = json!({
            "packet": self.all,
            "time_s": time_s,
            "octets": packet.octets.len(),
            "original_octets": packet.original_octets,
            "layers": layers,
            "problems": problems,
        });
        Ok(writeln!(self.out, "{described}")?)
    }

    fn text(&mut self, packet: &Packet, layers: &[Field]) -> Result<(), Failure> {
        let length = packet.octets.len();
        if self.several {
            let time = packet.time.map_or_else(String::new, |time| {
                format!(", {}.{:06} s", time.as_secs(), time.subsec_micros())
            });
            let gap = if self.all > 1 { "\n" } else { "" };
            writeln!(self.out, "{gap}packet {}{time}, {length} octets", self.all)?;
        }
        if packet.original_octets as usize > length {
            let original = packet.original_octets;
            writeln!(self.out, "only {length} of {original} octets were captured")?;
        }
        Ok(write!(self.out, "{}", render_text(layers))?)
    }
}
