//! What is done with the policy's output.

use super::members::{MemberSpec, OutputSpec};
use crate::config::text::Section;

/// BUY at or above one threshold, SELL at or below another, HOLD between; ABSTAIN beyond its limits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DirectionPolicy {
    /// Number of the output.
    pub output: usize,
    /// BUY where the value is at least this.
    pub buy_at: f64,
    /// SELL where the value is at most this.
    pub sell_at: f64,
    /// Least agreement.
    pub min_agreement: f64,
    /// Most features out of the trained range.
    pub max_out_of_range: u16,
    /// Greatest age of the newest event of role self at the decision, ns.
    pub max_data_age_ns: i64,
    /// How long a decision holds after the step's close, ns.
    pub valid_for_ns: i64,
}

pub(super) fn read_policy(root: &mut Section<'_>, outputs: &[OutputSpec], members: &[MemberSpec]) -> Option<DirectionPolicy> {
    let mut section = root.need_table("policy")?;
    section.need::<String>("kind");
    section.choice("kind", 0, &["direction"]);
    let name: String = section.need("output").unwrap_or_default();
    let output = outputs.iter().position(|output| output.name == name && output.is_probability());
    match output {
        None => section.wrong("output", &format!("\"{name}\" is no output of [outputs] with unit \"probability\"")),
        Some(output) if !members.iter().any(|member| member.gives.iter().any(|give| give.output == output)) => {
            section.wrong("output", &format!("no member gives {name}"));
        }
        Some(_) => {}
    }
    let (buy_at, sell_at) = (section.need::<f64>("buy_at"), section.need::<f64>("sell_at"));
    if let (Some(buy), Some(sell)) = (buy_at, sell_at)
        && !(0.0 <= sell && sell < buy && buy <= 1.0)
    {
        section.wrong("buy_at", &format!("needs 0 <= sell_at < buy_at <= 1, found {sell} and {buy}"));
    }
    let min_agreement = section.need::<f64>("min_agreement");
    if min_agreement.is_some_and(|least| !(0.0..=1.0).contains(&least)) {
        section.wrong("min_agreement", "is in 0 to 1");
    }
    let max_out_of_range = section.need::<u16>("max_out_of_range");
    let (max_age, valid_for) = (read_ms(&mut section, "max_data_age_ms"), read_ms(&mut section, "valid_for_ms"));
    section.finish();
    Some(DirectionPolicy {
        output: output?,
        buy_at: buy_at?,
        sell_at: sell_at?,
        min_agreement: min_agreement?,
        max_out_of_range: max_out_of_range?,
        max_data_age_ns: max_age?,
        valid_for_ns: valid_for?,
    })
}

fn read_ms(section: &mut Section<'_>, key: &str) -> Option<i64> {
    let ms = section.need::<u64>(key)?;
    let ns = i64::try_from(ms).ok().and_then(|ms| ms.checked_mul(1_000_000)).filter(|ns| *ns > 0 && *ns <= crate::types::event::TIME_SPAN_MOST_NS);
    if ns.is_none() {
        section.wrong(key, &format!("{ms}: must be from 1 ms to 100 years"));
    }
    ns
}
