//! draft-loureiro section 8: one sequence of messages, whatever the topology and whoever moves.

use crate::harness::*;

/// What the RO messages of a trace are, without who sends them to whom and what is in them.
fn kinds(trace: &[String]) -> Vec<String> {
    let kind = |line: &String| {
        let words = line.split_whitespace().skip(3);
        let kind = words.take_while(|word| *word != "status" && !word.starts_with('('));
        kind.collect::<Vec<_>>().join(" ")
    };
    let all = trace.iter().map(kind);
    all.filter(|kind| kind != "PBU" && kind != "PBA").collect()
}

#[test]
fn l_13_the_same_messages_whatever_the_topology_and_whoever_moves() {
    // The MN at the far end; who moves and from where; whether control is with another LMA than the source's.
    for (far, moves, triggered) in [
        ("mn3@lma1", None, false),
        ("mn3@lma1", Some(("mn1@lma1", "mag1")), false),
        ("mn3@lma1", Some(("mn3@lma1", "mag2")), false),
        ("mn2@lma2", None, true),
        ("mn2@lma2", Some(("mn1@lma1", "mag1")), true),
        ("mn2@lma2", Some(("mn2@lma2", "mag2")), false),
    ] {
        let mut domain = domain();
        let source = home(&domain.attach("mag1", "mn1@lma1", 1));
        let destination = home(&domain.attach("mag2", far, 1));
        domain.take_trace();
        domain.talk("lma1", host(&source), host(&destination));
        let mut trace = domain.take_trace();
        if let Some((mn_id, previous)) = moves {
            domain.attach("mag4", mn_id, 3);
            trace = without(&domain.take_trace(), previous);
        }
        let mut expected = vec!["Init", "Setup", "Setup Ack", "Init Ack"];
        if triggered {
            expected.insert(0, "Trigger");
            expected.push("Trigger Ack");
        }
        assert_eq!(kinds(&trace), expected, "{far}, {moves:?}");
    }
}
