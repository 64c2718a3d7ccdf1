//! What a meta-model (`input = "members"`) reads: values of the members that stand before it, as f32 in the order of `reads`;
//! probabilities where the output's unit is one, whatever form the graph gives them in.
//!
//! It runs after those that it reads, gives outputs like any member, and weights decide what it counts for: 1 beside zeros, or
//! most of the weight with the others as a fallback. Without one of its values it is left out. Where it has weight, the members
//! that it reads for an output stand for it in the agreement, with equal shares of its weight.

use super::members::{InputShape, MemberSpec, OutputSpec};
use crate::config::text::Section;

/// One value that a meta-model reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberRead {
    /// Number of the member, below the reader's own.
    pub member: usize,
    /// Number of the output for which it is that member's value.
    pub output: usize,
}

/// `reads` of a member; `before` are the members that stand before it.
pub(super) fn read_reads(section: &mut Section<'_>, input: InputShape, before: &[MemberSpec], outputs: &[OutputSpec]) -> Vec<MemberRead> {
    if input != InputShape::Members {
        if section.raw("reads").is_some() {
            section.wrong("reads", "only a member with input = \"members\" reads others");
        }
        return Vec::new();
    }
    let Some(names) = section.need::<Vec<String>>("reads") else { return Vec::new() };
    if names.is_empty() {
        section.wrong("reads", "names at least one member's value, such as \"lr.up\"");
    }
    let mut reads = Vec::new();
    for name in &names {
        match find(name, before, outputs) {
            Ok(read) if reads.contains(&read) => section.wrong("reads", &format!("{name} is there twice")),
            Ok(read) => reads.push(read),
            Err(what) => section.wrong("reads", &what),
        }
    }
    reads
}

/// The value of the name `member.output`. Both parts may hold dots, so every value's own name is compared.
fn find(name: &str, before: &[MemberSpec], outputs: &[OutputSpec]) -> Result<MemberRead, String> {
    let title = |read: &MemberRead| format!("{}.{}", before[read.member].name, outputs[read.output].name);
    let given = |(member, spec): (usize, &MemberSpec)| spec.gives.iter().map(move |give| MemberRead { member, output: give.output }).collect::<Vec<_>>();
    let all: Vec<MemberRead> = before.iter().enumerate().flat_map(given).collect();
    let mut found = all.iter().filter(|read| title(read) == name);
    match (found.next(), found.next()) {
        (Some(read), None) if before[read.member].input == InputShape::Members => {
            Err(format!("\"{name}\": {} reads members itself, and a meta-model reads none of those", before[read.member].name))
        }
        (Some(read), None) => Ok(*read),
        (Some(_), Some(_)) => Err(format!("\"{name}\" is the name of two values: rename a member or an output")),
        (None, _) => {
            let names: Vec<String> = all.iter().filter(|read| before[read.member].input != InputShape::Members).map(title).collect();
            Err(format!("\"{name}\" is no value of a member that stands before this one; there are {}", names.join(", ")))
        }
    }
}
