use proptest::prelude::*;

use super::*;
use crate::model::denormals;
use crate::model::native::factor::{Reads, Stored};
use crate::model::native::matrix::Lay;
use crate::model::native::simd::{Level, Work};
use crate::model::native::sums::Registers;

fn value(seed: usize) -> f32 {
    let mixed = (seed as u32).wrapping_mul(2_654_435_761).rotate_left(13).wrapping_mul(0x85eb_ca6b);
    (mixed as f32 / u32::MAX as f32 - 0.5) * 4.0
}

/// A matrix and rows that it is multiplied with.
#[derive(Clone, Debug)]
struct Case {
    inputs: usize,
    outputs: usize,
    seed: usize,
    fine: bool,
    ranges: Vec<f32>,
    rows: Vec<Vec<f32>>,
}

impl Case {
    fn weight(&self, input: usize, output: usize) -> f32 {
        // Some outputs are small, one is nothing.
        value(self.seed + input * 977 + output) * if output % 7 == 3 { 1e-6 } else { f32::from(output != 5) }
    }

    fn matrix(&self, level: Level) -> Int8 {
        let (weight, bias) = (|input: usize, output: usize| self.weight(input, output), |output: usize| value(self.seed + output));
        let stored = Stored { inputs: self.inputs, outputs: self.outputs, weight: &weight, bias: &bias, what: "x" };
        Int8::new(&stored, if self.fine { Reads::Rows(&self.ranges) } else { Reads::States }, level).unwrap()
    }

    /// The products by a level, with room between the rows on both sides.
    fn made(&self, matrix: &Int8, level: Level) -> Vec<Vec<f32>> {
        let (stride, lay) = (self.inputs + 3, Lay { stride: self.outputs + 2, start: 1 });
        let mut from = vec![f32::NAN; self.rows.len() * stride];
        from.chunks_mut(stride).zip(&self.rows).for_each(|(to, row)| to[..self.inputs].copy_from_slice(row));
        let (mut to, mut room) = (vec![-7.0; lay.start + self.rows.len() * lay.stride], vec![0.3; matrix.room_len()]);
        let rows = Rows { count: self.rows.len(), stride, from: &from, to: &mut to, lay, room: &mut room };
        denormals::flushed(|| level.run(Products { matrix, rows }));
        let made = to[1..].chunks(lay.stride);
        assert!(to[0] == -7.0 && made.clone().all(|row| row[self.outputs..] == [-7.0; 2]), "nothing is written beside a row");
        made.map(|row| row[..self.outputs].to_vec()).collect()
    }

    /// The definition, spelt out in whole numbers.
    fn expected(&self, row: &[f32], output: usize) -> f32 {
        let scaled = |input: usize| f64::from(self.weight(input, output)) * f64::from(self.ranges[input]);
        let most = (0..self.inputs).map(|input| scaled(input).abs()).fold(0.0, f64::max);
        let weight_scale = most / 127.0;
        let weight = |input: usize| if weight_scale > 0.0 { (scaled(input) / weight_scale).round_ties_even() as i64 } else { 0 };
        let values: Vec<f32> = row.iter().zip(&self.ranges).map(|(x, range)| x * (1.0 / range)).collect();
        if values.iter().any(|value| !value.is_finite()) {
            return f32::NAN;
        }
        let most = values.iter().fold(0.0, |most: f32, value| most.max(value.abs()));
        let steps = if self.fine { 127.0 * 256.0 } else { 127.0 };
        let (inverse, scale) = if most < 1e-30 { (0.0, 0.0) } else { (steps / most, most / steps) };
        let parts = |value: &f32| {
            let rounded = (value * inverse).round_ties_even() as i64;
            if self.fine { [rounded.div_euclid(256), rounded.rem_euclid(256)] } else { [rounded, 0] }
        };
        let sums = values.iter().enumerate().fold([0; 2], |sums, (input, value)| [0, 1].map(|part| sums[part] + parts(value)[part] * weight(input)));
        let sum = if self.fine { (sums[0] as f32).mul_add(256.0, sums[1] as f32) } else { sums[0] as f32 };
        sum.mul_add(scale * weight_scale as f32, value(self.seed + output))
    }
}

struct Products<'a> {
    matrix: &'a Int8,
    rows: Rows<'a>,
}

impl Work for Products<'_> {
    #[inline(always)]
    fn run<R: Registers>(self) {
        self.matrix.product::<R>(self.rows);
    }
}

fn any_value() -> impl Strategy<Value = f32> {
    prop_oneof![
        20 => -4.0..4.0_f32,
        1 => prop::sample::select(vec![0.0, -0.0, 1e-40, -1e-45, 1e-31, 1e-20, 3.0e38, f32::MAX, -f32::MAX]),
    ]
}

fn any_case() -> impl Strategy<Value = Case> {
    (1..130_usize, (1..20_usize).prop_map(|blocks| blocks * WIDTH), 1..10_usize, 0..10_000_usize).prop_flat_map(|(inputs, outputs, rows, seed)| {
        let fine = seed % 2 == 0;
        let range = if fine { prop_oneof![Just(1.0_f32), 0.01..30.0_f32].boxed() } else { Just(1.0).boxed() };
        let ranges = prop::collection::vec(range, inputs);
        let not_finite = prop::sample::select(vec![f32::NAN, f32::INFINITY, f32::NEG_INFINITY]);
        let row = (prop::collection::vec(any_value(), inputs), prop::option::weighted(0.1, (0..inputs, not_finite)));
        let row = row.prop_map(|(mut row, special)| {
            special.into_iter().for_each(|(at, value)| row[at] = value);
            row
        });
        (ranges, prop::collection::vec(row, rows)).prop_map(move |(ranges, rows)| Case { inputs, outputs, seed, fine, ranges, rows })
    })
}

fn bits(rows: &[Vec<f32>]) -> Vec<Vec<u32>> {
    let bits = |value: &f32| if value.is_nan() { u32::MAX } else { value.to_bits() };
    rows.iter().map(|row| row.iter().map(bits).collect()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 64 }))]

    #[test]
    fn every_level_follows_the_definition(case in any_case()) {
        let expected: Vec<Vec<f32>> = case.rows.iter().map(|row| (0..case.outputs).map(|output| case.expected(row, output)).collect()).collect();
        for level in Level::available() {
            #[cfg_attr(not(target_arch = "x86_64"), allow(unused_mut, reason = "other processors have one level"))]
            let mut matrix = case.matrix(level);
            prop_assert_eq!(bits(&case.made(&matrix, level)), bits(&expected), "{}", level.name());
            #[cfg(target_arch = "x86_64")]
            if matrix.vnni.take().is_some() {
                prop_assert_eq!(bits(&case.made(&matrix, level)), bits(&expected), "without VNNI");
            }
        }
    }

    /// Half a step of either rounding, at each input; two bytes leave that of the weights.
    #[test]
    fn an_output_is_near_the_product(case in any_case()) {
        let made = case.made(&case.matrix(Level::best()), Level::best());
        for (row, made) in case.rows.iter().zip(&made) {
            let share = row.iter().zip(&case.ranges).map(|(x, range)| f64::from(x / range)).fold(0.0, |most: f64, x| most.max(x.abs()));
            if !(share.is_finite() && share < 1e6 && row.iter().all(|x| x.is_finite())) {
                continue;
            }
            for (output, made) in made.iter().enumerate() {
                let weights: Vec<f64> = (0..case.inputs).map(|input| f64::from(case.weight(input, output)) * f64::from(case.ranges[input])).collect();
                let most = weights.iter().fold(0.0, |most: f64, weight| most.max(weight.abs()));
                let sum: f64 = weights.iter().zip(row).zip(&case.ranges).map(|((weight, x), range)| weight * f64::from(*x) / f64::from(*range)).sum();
                let exact = sum + f64::from(value(case.seed + output));
                let halves = if case.fine { 0.51 } else { 1.01 };
                let allowed = case.inputs as f64 * most * share * (halves / 127.0) + 1e-5 * (1.0 + exact.abs());
                prop_assert!((f64::from(*made) - exact).abs() <= allowed, "{made} for {exact}, {allowed} allowed");
            }
        }
    }
}

#[test]
fn the_largest_sums_do_not_overflow() {
    let inputs = MOST_INPUTS;
    for (weight, x) in [(1.0, 1.0), (1.0, -1.0), (-1.0, 1.0), (-1.0, -1.0)] {
        let stored = Stored { inputs, outputs: 16, weight: &|_, _| weight, bias: &|_| 0.0, what: "x" };
        for level in Level::available() {
            let matrix = Int8::new(&stored, Reads::Rows(&[]), level).unwrap();
            let (from, mut to, mut room) = (vec![x; inputs], vec![0.0; 16], vec![0.0; matrix.room_len()]);
            let rows = Rows { count: 1, stride: inputs, from: &from, to: &mut to, lay: Lay { stride: 16, start: 0 }, room: &mut room };
            level.run(Products { matrix: &matrix, rows });
            let exact = weight * x * inputs as f32;
            assert!(to.iter().all(|value| (value / exact - 1.0).abs() < 1e-6), "{} for {exact}", to[0]);
        }
    }
    let stored = Stored { inputs: inputs + 1, outputs: 16, weight: &|_, _| 1.0, bias: &|_| 0.0, what: "a layer" };
    assert!(Int8::new(&stored, Reads::States, Level::best()).unwrap_err().text().contains("a layer has 65537 inputs"));
}
