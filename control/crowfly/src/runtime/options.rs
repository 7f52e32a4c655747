//! The command line: `crowfly [EAL options] -- --config FILE [--control-socket PATH] [--record FILE] [--check]`.

use std::path::PathBuf;

use clap::Parser;

use crate::socket::DEFAULT_PATH;

/// What stands behind `--`.
#[derive(Debug, Clone, PartialEq, Eq, Parser)]
#[command(
    name = "crowfly",
    version,
    about = "A Proxy Mobile IPv6 node: MAG or LMA, with localized routing between MAGs",
    override_usage = "crowfly [EAL options] -- --config FILE [--control-socket PATH] [--record FILE] [--check]",
    after_help = "EAL options are those of every DPDK program: -l, --lcores, -a, --vdev, --file-prefix, \
                  --no-huge ... The main lcore is the control thread, every other lcore a worker. \
                  `crowfly --help --` lists them."
)]
pub struct Options {
    /// Configuration file, JSON
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Unix socket to be controlled by
    #[arg(long, value_name = "PATH", default_value = DEFAULT_PATH)]
    pub control_socket: PathBuf,
    /// Record what the protocol engine is handed and answers, for `crowflyctl replay`
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// Largest record, MiB; the record ends there, and an alarm says so
    #[arg(long, value_name = "MIB", default_value_t = 1024, requires = "record", value_parser = clap::value_parser!(u64).range(1..=1_048_576))]
    pub record_max_mib: u64,
    /// Say what is wrong with the configuration, and end: status 0 or 2
    #[arg(long)]
    pub check: bool,
}

impl Options {
    /// Largest record, octets.
    pub(super) fn record_max_bytes(&self) -> u64 {
        self.record_max_mib << 20
    }
}

/// A command line taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine {
    /// The program's name and what stands before `--`.
    pub eal: Vec<String>,
    /// What stands behind it.
    pub options: Options,
}

impl CommandLine {
    /// Takes a command line apart.
    ///
    /// # Errors
    /// Bad usage, or a request for help or version; clap's error prints it and has the exit status.
    pub fn parse(args: Vec<String>) -> Result<Self, clap::Error> {
        let program = args
            .first()
            .cloned()
            .unwrap_or_else(|| "crowfly".to_owned());
        let Some(separator) = args.iter().position(|arg| arg == "--") else {
            // Without `--` everything is ours: help and version, or a usage error that teaches.
            let ours: Vec<String> = match args.get(1).map(String::as_str) {
                Some("--help" | "-h" | "--version" | "-V") => args[..2].to_vec(),
                _ => vec![program],
            };
            let options = Options::try_parse_from(ours)?;
            return Ok(Self {
                eal: Vec::new(),
                options,
            });
        };
        let ours = std::iter::once(&program).chain(&args[separator + 1..]);
        let options = Options::try_parse_from(ours)?;
        Ok(Self {
            eal: args[..separator].to_vec(),
            options,
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::error::ErrorKind;

    use super::*;

    fn parse(line: &str) -> Result<CommandLine, clap::Error> {
        CommandLine::parse(line.split(' ').map(str::to_owned).collect())
    }

    #[test]
    fn eal_gets_what_stands_before_the_separator() {
        let line = parse("crowfly -l 0-1 --no-huge -- --config a.json --check").unwrap();
        assert_eq!(line.eal, ["crowfly", "-l", "0-1", "--no-huge"]);
        assert_eq!(line.options.config, PathBuf::from("a.json"));
        assert!(line.options.check);
        assert_eq!(line.options.control_socket, PathBuf::from(DEFAULT_PATH));
    }

    #[test]
    fn a_record_is_bounded() {
        let options = parse("crowfly -- --config a.json --record r")
            .unwrap()
            .options;
        assert_eq!(options.record, Some(PathBuf::from("r")));
        assert_eq!(options.record_max_bytes(), 1 << 30);
        let line = "crowfly -- --config a.json --record r --record-max-mib 1";
        assert_eq!(parse(line).unwrap().options.record_max_bytes(), 1 << 20);
        assert!(parse("crowfly -- --config a.json --record-max-mib 0 --record r").is_err());
    }

    #[test]
    fn help_and_version_need_no_eal() {
        let kind = |line| parse(line).unwrap_err().kind();
        assert_eq!(kind("crowfly --help"), ErrorKind::DisplayHelp);
        assert_eq!(kind("crowfly --version"), ErrorKind::DisplayVersion);
        assert_eq!(
            kind("crowfly -l 0-1 -- --version"),
            ErrorKind::DisplayVersion
        );
    }

    #[test]
    fn a_command_line_without_configuration_is_bad_usage() {
        for line in [
            "crowfly",
            "crowfly -l 0-1",
            "crowfly -l 0-1 --",
            "crowfly -- --config",
        ] {
            let error = parse(line).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{line}");
            assert!(error.to_string().contains("--config"), "{error}");
        }
    }
}
