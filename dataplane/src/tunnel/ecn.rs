//! Explicit congestion notification through tunnels (RFC 6040).

/// Not ECN-capable.
pub(crate) const NOT_ECT: u8 = 0b00;
/// ECN-capable, codepoint 1.
pub(crate) const ECT_1: u8 = 0b01;
/// ECN-capable, codepoint 0.
pub(crate) const ECT_0: u8 = 0b10;
/// Congestion experienced.
pub(crate) const CE: u8 = 0b11;

/// The field of the forwarded packet by the fields of the arriving inner and outer headers (section 4.2,
/// figure 4); none: the packet is dropped. At the entry, the field is copied (section 4.1, normal mode).
#[inline(always)]
pub(crate) fn decapsulate(inner: u8, outer: u8) -> Option<u8> {
    match (inner, outer) {
        (NOT_ECT, CE) => None,
        (NOT_ECT, _) => Some(NOT_ECT),
        (CE, _) | (_, CE) => Some(CE),
        (ECT_0, ECT_1) => Some(ECT_1),
        (inner, _) => Some(inner),
    }
}

/// Combinations that no standard produces: worth counting (section 4.2, the marked cells of figure 4).
#[inline(always)]
pub(crate) fn is_odd(inner: u8, outer: u8) -> bool {
    matches!(
        (inner, outer),
        (NOT_ECT, ECT_0 | ECT_1 | CE) | (ECT_1, ECT_0) | (ECT_0, ECT_1) | (CE, ECT_1)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_table_of_rfc_6040() {
        let rows = [
            (NOT_ECT, [Some(NOT_ECT), Some(NOT_ECT), Some(NOT_ECT), None]),
            (ECT_0, [Some(ECT_0), Some(ECT_0), Some(ECT_1), Some(CE)]),
            (ECT_1, [Some(ECT_1), Some(ECT_1), Some(ECT_1), Some(CE)]),
            (CE, [Some(CE), Some(CE), Some(CE), Some(CE)]),
        ];
        for (inner, row) in rows {
            for (outer, wanted) in [NOT_ECT, ECT_0, ECT_1, CE].into_iter().zip(row) {
                assert_eq!(
                    decapsulate(inner, outer),
                    wanted,
                    "{inner:02b} in {outer:02b}"
                );
            }
        }
    }
}
