use std::sync::Arc;

use super::encoder::{Encoder, Form, STEPS};
use super::*;
use crate::model::backend::{Backend, Instance};
use crate::model::native::build::plan;
use crate::model::native::plan::Kernel;
use crate::model::native::units::count;
use crate::model::native::{Carried, Kept, Level};
use crate::model::watchdog::RunLimit;

const CAUSAL: [Form; 7] = [Form::Added, Form::Near, Form::Chosen, Form::ChosenElsewhere, Form::Operator, Form::OperatorMask, Form::Turned];

fn encoders(forms: &[Form]) -> impl Iterator<Item = Encoder> {
    forms.iter().flat_map(|form| [false, true].map(|other| Encoder { form: *form, norm_first: other, gelu: other, mean: false }))
}

fn compiled(encoder: Encoder, level: Level) -> Arc<Plan> {
    Arc::new(plan(&encoder.graph(), None, Carried::Nothing, level, Kept::default()).unwrap())
}

fn instance(plan: &Arc<Plan>) -> Box<dyn Instance> {
    plan.clone().instance(&RunLimit::none()).unwrap()
}

/// Rows one behind the other.
fn stream(rows: usize, width: usize) -> Vec<f32> {
    (0..rows * width).map(|at| ((at * at) as f32 * 0.37 + at as f32).sin() * 2.5).collect()
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| if value.is_nan() { u32::MAX } else { value.to_bits() }).collect()
}

/// Prepared for each window of a stream in turn: the bits of the whole window at every level, whichever way a graph says that it is causal.
#[test]
fn causal_encoders_give_the_bits_of_the_whole_window() {
    for (encoder, level) in encoders(&CAUSAL).flat_map(|encoder| Level::available().into_iter().map(move |level| (encoder, level))) {
        let plan = compiled(encoder, level);
        let (window, width) = (plan.input_width, plan.input_width / STEPS);
        let mut ahead = Streaming::of(plan.clone()).unwrap_or_else(|| panic!("{encoder:?}"));
        let (rows, mut whole, mut out, mut expected) = (stream(60, width), instance(&plan), [0.0], [0.0]);
        for first in 0..60 - STEPS {
            ahead.prepare(&rows[first * width..][..window]);
            let next = &rows[(first + 1) * width..][..window];
            assert!(ahead.run(next, &mut out));
            whole.run(next, &mut expected).unwrap();
            assert!(expected[0] > 0.0 && bits(&out) == bits(&expected), "{encoder:?} {level:?} {first}: {out:?} {expected:?}");
        }
        for at in 0..window - width {
            let mut other = rows[(60 - STEPS) * width..].to_vec();
            other[at] = other[at].next_up();
            assert!(!ahead.run(&other, &mut out), "a row that is not the one that was prepared");
        }
    }
}

/// A row of the newest step, and so of one query and one share of every head, is all that is left.
#[test]
fn the_newest_row_of_a_causal_encoder_is_one_row_a_layer() {
    for encoder in encoders(&CAUSAL) {
        let plan = compiled(encoder, Level::best());
        for Part { step, units } in parts(&plan, plan.input_width / STEPS).unwrap() {
            let all = plan.steps[step].units();
            assert!(all < STEPS || count(&units) * STEPS <= all, "{encoder:?}: {} of {all} units of step {step}", count(&units));
        }
    }
}

#[test]
fn encoders_that_look_ahead_are_not_run_ahead() {
    for encoder in encoders(&[Form::Open]) {
        let plan = compiled(encoder, Level::best());
        assert!(Streaming::of(plan.clone()).is_none());
        let narrowed = |step: &Step| matches!(&step.kernel, Kernel::Pairs { pairs, .. } if pairs.inner_seen.is_some() || pairs.columns_seen.is_some());
        assert!(!plan.steps.iter().any(narrowed));
    }
}

/// Every way to write the mask is the same network, whether its last layer is run for one step or for all.
#[test]
fn masks_of_every_form_are_one_network() {
    let rows = stream(STEPS, 3);
    let answer = |encoder: Encoder| {
        let (plan, mut out) = (compiled(encoder, Level::best()), [0.0]);
        instance(&plan).run(&rows, &mut out).unwrap();
        out[0].to_bits()
    };
    for norm_first in [false, true] {
        for mean in [false, true] {
            let of = |form| answer(Encoder { form, norm_first, gelu: true, mean });
            let first = of(Form::Added);
            assert!([Form::Chosen, Form::ChosenElsewhere, Form::Operator, Form::OperatorMask, Form::Turned].into_iter().all(|form| of(form) == first));
            assert!(of(Form::Open) != first && of(Form::Near) != first);
        }
    }
}

/// Later steps cannot reach earlier ones, not even by what overflows; what the newest step makes NaN is NaN in its own answer.
#[test]
fn what_is_not_finite_stays_where_it_is_seen() {
    for encoder in encoders(&CAUSAL) {
        let plan = compiled(encoder, Level::best());
        let (window, width) = (plan.input_width, plan.input_width / STEPS);
        let (mut ahead, mut whole, mut out, mut expected) = (Streaming::of(plan.clone()).unwrap(), instance(&plan), [0.0], [0.0]);
        let rows = stream(STEPS + 1, width);
        for huge in [f32::NAN, f32::INFINITY, 1.0e18, -3.0e19, 1.0e38, f32::MAX] {
            for at in 0..width {
                let mut next = rows[width..].to_vec();
                next[window - width + at] = huge;
                ahead.prepare(&rows[..window]);
                assert!(ahead.run(&next, &mut out));
                whole.run(&next, &mut expected).unwrap();
                assert_eq!(bits(&out), bits(&expected), "{encoder:?} {huge} {at}");
                assert!(huge.is_finite() || out[0].is_nan());
            }
        }
    }
}
