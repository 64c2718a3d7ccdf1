//! Functions of one value between the layers of a neural network.

use super::block::{WIDTH, clamp, each, exp_minus_1, sigmoid, tanh};
use super::normal::{erf, gelu};
use super::simd::Work;
use super::sums::Registers;
use crate::cpu::apart;

/// A function of one value, NaN for NaN.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Activation {
    Relu,
    LeakyRelu { slope: f32 },
    Elu { alpha: f32, gamma: f32 },
    Sigmoid,
    Tanh,
    HardSigmoid { alpha: f32, beta: f32 },
    HardSwish,
    Clip { low: f32, high: f32 },
    Abs,
    Sqrt,
    Reciprocal,
    Softsign,
    Square,
    Power { exponent: f32 },
    Softplus,
    Erf,
    Log,
    Gelu,
    GeluTanh,
}

/// One run over values.
pub(super) struct Activate<'a> {
    pub(super) activation: Activation,
    pub(super) from: &'a [f32],
    pub(super) to: &'a mut [f32],
}

impl Work for Activate<'_> {
    #[inline(always)]
    fn run<R: Registers>(self) {
        self.activation.on(Apart { from: self.from, to: self.to });
    }
}

/// Values that a function is applied to.
pub(super) trait Values {
    /// The function of each.
    fn map(self, function: impl Fn(f32) -> f32 + Copy);
}

/// Values, and where what is made of them goes.
struct Apart<'a> {
    from: &'a [f32],
    to: &'a mut [f32],
}

/// Values that what is made of them takes the place of.
pub(super) struct InPlace<'a>(pub(super) &'a mut [f32]);

impl Activation {
    /// Applied to values, in the caller's instruction set.
    #[inline(always)]
    pub(super) fn on(self, values: impl Values) {
        match self {
            Activation::Relu => values.map(|x| if x < 0.0 { 0.0 } else { x }),
            Activation::LeakyRelu { slope } => values.map(|x| if x < 0.0 { slope * x } else { x }),
            Activation::Elu { alpha, gamma } => values.map(|x| gamma * if x < 0.0 { alpha * exp_minus_1(x) } else { x }),
            Activation::Sigmoid => values.map(sigmoid),
            Activation::Tanh => values.map(tanh),
            Activation::HardSigmoid { alpha, beta } => values.map(|x| clamp(alpha * x + beta, 0.0, 1.0)),
            Activation::HardSwish => values.map(|x| x * clamp(x * (1.0 / 6.0) + 0.5, 0.0, 1.0)),
            Activation::Clip { low, high } => values.map(|x| clamp(x, low, high)),
            Activation::Abs => values.map(f32::abs),
            Activation::Sqrt => values.map(f32::sqrt),
            Activation::Reciprocal => values.map(|x| 1.0 / x),
            Activation::Softsign => values.map(|x| x / (1.0 + x.abs())),
            Activation::Square => values.map(|x| x * x),
            Activation::Power { exponent } => values.map(|x| libm::pow(f64::from(x), f64::from(exponent)) as f32),
            Activation::Softplus => values.map(softplus),
            Activation::Erf => values.map(erf),
            Activation::Log => values.map(|x| libm::log(f64::from(x)) as f32),
            Activation::Gelu => values.map(gelu),
            Activation::GeluTanh => values.map(gelu_tanh),
        }
    }
}

/// Whole blocks, then what is left value by value.
impl Values for Apart<'_> {
    #[inline(always)]
    fn map(self, function: impl Fn(f32) -> f32 + Copy) {
        let (from, from_rest) = self.from.as_chunks::<WIDTH>();
        let (to, to_rest) = self.to.as_chunks_mut::<WIDTH>();
        for (to, from) in to.iter_mut().zip(from) {
            *to = each(from, function);
            apart();
        }
        for (to, from) in to_rest.iter_mut().zip(from_rest) {
            *to = function(*from);
        }
    }
}

impl Values for InPlace<'_> {
    #[inline(always)]
    fn map(self, function: impl Fn(f32) -> f32 + Copy) {
        let (blocks, rest) = self.0.as_chunks_mut::<WIDTH>();
        for block in blocks {
            *block = each(block, function);
            apart();
        }
        for value in rest {
            *value = function(*value);
        }
    }
}

/// ln(1 + exp(x)), rounded once.
fn softplus(x: f32) -> f32 {
    let x = f64::from(x);
    let above = if x < 0.0 { 0.0 } else { x };
    (above + libm::log1p(libm::exp(-x.abs()))) as f32
}

/// The usual approximation by tanh, rounded once.
fn gelu_tanh(x: f32) -> f32 {
    let x = f64::from(x);
    let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x * x * x);
    (0.5 * x * (1.0 + libm::tanh(inner))) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::native::simd::Level;

    fn all() -> Vec<Activation> {
        use Activation::*;
        let with = [
            LeakyRelu { slope: 0.01 },
            Elu { alpha: 1.0, gamma: 1.0 },
            Elu { alpha: 1.673_263_2, gamma: 1.050_701 },
            HardSigmoid { alpha: 0.2, beta: 0.5 },
            Clip { low: -1.0, high: 2.0 },
            Power { exponent: 3.0 },
        ];
        let without = [Relu, Sigmoid, Tanh, HardSwish, Abs, Sqrt, Reciprocal, Softsign, Square, Softplus, Erf, Log, Gelu, GeluTanh];
        with.into_iter().chain(without).collect()
    }

    fn run(level: Level, activation: Activation, from: &[f32]) -> Vec<f32> {
        let mut to = vec![7.0; from.len()];
        level.run(Activate { activation, from, to: &mut to });
        to
    }

    #[test]
    fn every_level_gives_the_same_bits() {
        let special = [0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN, f32::MIN_POSITIVE, 1.0e-42, -1.0e-42, f32::NAN, 87.5, -87.5];
        let from: Vec<f32> = (-4_000..4_000).map(|i| i as f32 * 0.007_3).chain(special).collect();
        let bits = |values: Vec<f32>| values.into_iter().map(|value| if value.is_nan() { u32::MAX } else { value.to_bits() }).collect::<Vec<_>>();
        for activation in all() {
            let first = bits(run(Level::available()[0], activation, &from));
            for level in Level::available() {
                assert!(first == bits(run(level, activation, &from)), "{activation:?} {level:?}");
            }
        }
    }

    #[test]
    fn nan_stays_nan() {
        for activation in all() {
            assert!(run(Level::best(), activation, &[f32::NAN; 19]).iter().all(|value| value.is_nan()), "{activation:?}");
        }
    }

    #[test]
    fn values_are_those_of_the_definitions() {
        let at = |activation, x| run(Level::best(), activation, &[x])[0];
        let near = |ours: f32, theirs: f64| assert!((f64::from(ours) - theirs).abs() < 2e-7 * (1.0 + theirs.abs()), "{ours} {theirs}");
        assert_eq!((at(Activation::Relu, -3.0), at(Activation::Relu, 3.0)), (0.0, 3.0));
        assert_eq!(at(Activation::LeakyRelu { slope: 0.25 }, -4.0), -1.0);
        near(at(Activation::Elu { alpha: 1.0, gamma: 1.0 }, -1.5), -0.776_869_839_851_57);
        assert_eq!((at(Activation::HardSigmoid { alpha: 0.25, beta: 0.5 }, 1.0), at(Activation::HardSigmoid { alpha: 0.25, beta: 0.5 }, 9.0)), (0.75, 1.0));
        near(at(Activation::HardSwish, 1.5), 1.125);
        assert_eq!((at(Activation::Clip { low: -1.0, high: 2.0 }, -7.0), at(Activation::Clip { low: -1.0, high: 2.0 }, 7.0)), (-1.0, 2.0));
        near(at(Activation::Softplus, -1.0), 0.313_261_687_518_22);
        assert_eq!(at(Activation::Softplus, 300.0), 300.0);
        near(at(Activation::Erf, 0.5), 0.520_499_877_813_05);
        near(at(Activation::Gelu, -1.0), -0.158_655_253_931_46);
        near(at(Activation::GeluTanh, -1.0), -0.158_808_009_091_22);
        near(at(Activation::Softsign, -3.0), -0.75);
        near(at(Activation::Power { exponent: 3.0 }, -1.5), -3.375);
    }
}
