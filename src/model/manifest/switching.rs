//! Which members run in which market phase: those of the phase's set, all of them where it has none or is unknown. The others
//! cost no time; weights are renormalised and the quorum is counted over the set.

use super::members::MemberSpec;
use crate::config::text::Section;
use crate::model::member_set::MemberSet;

/// Names of the phases that may have weights and a set of their own, by number - 1.
pub(super) const PHASES: [&str; 3] = ["ranging", "trending", "volatile"];

/// `[ensemble.sets]`: members by phase; a phase that is not named runs all of them.
pub(super) fn read_sets(mut table: Section<'_>, members: &[MemberSpec]) -> [MemberSet; 3] {
    let sets = PHASES.map(|phase| match table.get::<Vec<String>>(phase) {
        Some(names) => read_set(&table, phase, &names, members),
        None => MemberSet::ALL,
    });
    table.finish();
    sets
}

fn read_set(table: &Section<'_>, phase: &str, names: &[String], members: &[MemberSpec]) -> MemberSet {
    let mut set = MemberSet::NONE;
    for name in names {
        match members.iter().position(|member| member.name == *name) {
            Some(member) if set.contains(member) => table.wrong(phase, &format!("{name} is there twice")),
            Some(member) => set = set.with(member, true),
            None => table.wrong(phase, &format!("\"{name}\" is no member of [models]")),
        }
    }
    for (number, reader) in members.iter().enumerate().filter(|(number, _)| set.contains(*number)) {
        for read in reader.reads.iter().filter(|read| read.member != number && !set.contains(read.member)) {
            table.wrong(phase, &format!("{} reads {}, which is not in the set", reader.name, members[read.member].name));
        }
    }
    set
}
