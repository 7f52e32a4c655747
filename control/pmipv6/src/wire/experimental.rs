//! Options of draft-jeong inside the Experimental option: `18 | len | sub-type 8 | arg 8 | address`
//! (HJ-1).

use std::net::{Ipv4Addr, Ipv6Addr};

use super::iana::experimental_subtype as sub;
use super::option::MobilityOption;

/// An Experimental option (18) that draft-jeong describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoOption {
    /// Sub-type 1: the CN's Home Network Prefix (HJ-6).
    Ipv6CnHnp {
        /// Prefix length, bits, 0 to 128.
        prefix_len: u8,
        /// The CN's prefix.
        prefix: Ipv6Addr,
    },
    /// Sub-type 2: the CN's IPv4 home address (HJ-4).
    Ipv4CnHao {
        /// Prefix length, bits, 32 for an address.
        prefix_len: u8,
        /// The CN's address.
        address: Ipv4Addr,
    },
    /// Sub-type 3 (HJ-7).
    Ipv6RoAck {
        /// Status, of the Binding Acknowledgement's space.
        status: u8,
        /// The CN's address.
        address: Ipv6Addr,
    },
    /// Sub-type 4 (HJ-7).
    Ipv4RoAck {
        /// Status, of the Binding Acknowledgement's space.
        status: u8,
        /// The CN's address.
        address: Ipv4Addr,
    },
}

impl RoOption {
    /// Reads the data of an Experimental option; none if it belongs to another experiment.
    #[must_use]
    pub fn from_data(data: &[u8]) -> Option<Self> {
        let (&[subtype, arg], address) = data.split_first_chunk::<2>()?;
        let ipv6 = || <[u8; 16]>::try_from(address).ok().map(Ipv6Addr::from);
        let ipv4 = || <[u8; 4]>::try_from(address).ok().map(Ipv4Addr::from);
        Some(match subtype {
            sub::IPV6_CN_HNP if arg <= 128 => Self::Ipv6CnHnp {
                prefix_len: arg,
                prefix: ipv6()?,
            },
            sub::IPV4_CN_HAO if arg <= 32 => Self::Ipv4CnHao {
                prefix_len: arg,
                address: ipv4()?,
            },
            sub::IPV6_RO_ACK => Self::Ipv6RoAck {
                status: arg,
                address: ipv6()?,
            },
            sub::IPV4_RO_ACK => Self::Ipv4RoAck {
                status: arg,
                address: ipv4()?,
            },
            _ => return None,
        })
    }

    /// All of a message, in its order.
    pub fn all(options: &[MobilityOption]) -> impl Iterator<Item = Self> + '_ {
        options.iter().filter_map(|option| match option {
            MobilityOption::Experimental(data) => Self::from_data(data),
            _ => None,
        })
    }
}

impl From<RoOption> for MobilityOption {
    fn from(option: RoOption) -> Self {
        let (subtype, arg, address) = match option {
            RoOption::Ipv6CnHnp { prefix_len, prefix } => {
                (sub::IPV6_CN_HNP, prefix_len, prefix.octets().to_vec())
            }
            RoOption::Ipv4CnHao {
                prefix_len,
                address,
            } => (sub::IPV4_CN_HAO, prefix_len, address.octets().to_vec()),
            RoOption::Ipv6RoAck { status, address } => {
                (sub::IPV6_RO_ACK, status, address.octets().to_vec())
            }
            RoOption::Ipv4RoAck { status, address } => {
                (sub::IPV4_RO_ACK, status, address.octets().to_vec())
            }
        };
        Self::Experimental([vec![subtype, arg], address].concat())
    }
}
