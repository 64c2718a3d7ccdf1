//! A number as the sum of two doubles, about 106 bits (Dekker, Knuth).

/// `high` is the number to the nearest double, `low` what it lacks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pair {
    pub high: f64,
    low: f64,
}

/// The sum and what it loses.
fn two_sum(a: f64, b: f64) -> Pair {
    let high = a + b;
    let taken = high - a;
    Pair { high, low: (a - (high - taken)) + (b - taken) }
}

/// Two halves of 26 bits.
fn halves(a: f64) -> (f64, f64) {
    let scaled = a * 134_217_729.0;
    let high = scaled - (scaled - a);
    (high, a - high)
}

/// The product and what it loses.
fn two_product(a: f64, b: f64) -> Pair {
    let high = a * b;
    let ((ah, al), (bh, bl)) = (halves(a), halves(b));
    Pair { high, low: ((ah * bh - high) + ah * bl + al * bh) + al * bl }
}

impl Pair {
    pub fn of(value: f64) -> Pair {
        Pair { high: value, low: 0.0 }
    }

    /// The exact difference of two doubles.
    pub fn difference(a: f64, b: f64) -> Pair {
        two_sum(a, -b)
    }

    pub fn add(self, other: Pair) -> Pair {
        let sum = two_sum(self.high, other.high);
        two_sum(sum.high, sum.low + self.low + other.low)
    }

    pub fn minus(self) -> Pair {
        Pair { high: -self.high, low: -self.low }
    }

    pub fn times(self, factor: f64) -> Pair {
        let product = two_product(self.high, factor);
        two_sum(product.high, product.low + self.low * factor)
    }

    pub fn over(self, divisor: f64) -> Pair {
        let quotient = self.high / divisor;
        let rest = self.add(two_product(quotient, divisor).minus());
        two_sum(quotient, rest.high / divisor)
    }

    pub fn ratio(self, other: Pair) -> f64 {
        let quotient = self.high / other.high;
        let rest = self.add(other.times(quotient).minus());
        quotient + rest.high / other.high
    }
}
