"""The constants of the rounding rules, in units of the unit roundoff, each with its source.

Sources: `proof`, `IEEE 754`, a paper, or `calibrated`: set by the honest implementations of tests/numbers, whose worst
ratio to the gauge stands in the test of the same rule.
"""

from math import sqrt
from typing import NamedTuple


class Units(NamedTuple):
    """Hard bounds on the relative error of one operation on real and on complex operands."""

    real: float
    complex: float
    source: str


ELEMENTWISE: dict[str, Units] = {
    "add": Units(1, 1, "IEEE 754; complex by components"),
    "subtract": Units(1, 1, "IEEE 754; complex by components"),
    "multiply": Units(1, sqrt(5), "IEEE 754; complex: Brent, Percival, Zimmermann 2007"),
    "square": Units(1, sqrt(5), "as multiply"),
    "divide": Units(
        4, 7, "CUDA guide: 2 ulp for fast division; complex: Smith's and the textbook formula, Baudin 2012"
    ),
    "reciprocal": Units(4, 7, "as divide"),
    "sqrt": Units(4, 8, "CUDA guide: 3 ulp for approximate square roots; complex calibrated"),
    "absolute": Units(0, 4, "exact; complex: the unscaled square root of a sum of squares"),
    "hypot": Units(4, 4, "as the complex modulus"),
    "exp": Units(4, 8, "CUDA guide: 2 ulp; complex: with sine and cosine"),
    "exp2": Units(4, 8, "as exp"),
    "expm1": Units(4, 8, "as exp; complex by half angles"),
    "log": Units(4, 8, "CUDA guide: 1 ulp, 2⁻²¹·⁴¹ absolute for the fast one; complex: by modulus and argument"),
    "log2": Units(4, 8, "as log"),
    "log1p": Units(4, 8, "as log"),
    "sin": Units(4, 8, "CUDA guide: 2 ulp"),
    "cos": Units(4, 8, "CUDA guide: 2 ulp"),
    "tan": Units(6, 12, "a quotient of two of them"),
    "sinh": Units(6, 12, "a difference of two exponentials"),
    "cosh": Units(6, 12, "a sum of two exponentials"),
    "tanh": Units(4, 12, "CUDA guide: 2 ulp"),
    "arctan": Units(4, 12, "CUDA guide: 2 ulp"),
    "arctan2": Units(6, 6, "CUDA guide: 3 ulp"),
    "arccos": Units(6, 12, "CUDA guide: 2 ulp, but formed through arctan2 elsewhere"),
    "arcsin": Units(6, 12, "as arccos"),
    "erf": Units(4, 4, "CUDA guide: 2 ulp"),
    "logaddexp": Units(6, 6, "log1p of exp, and a sum"),
    "power": Units(8, 16, "CUDA guide: 8 ulp of powf"),
}

# Functions that scale or reduce their argument first (by log₂e, 2π …): so many roundings of the argument itself.
ARGUMENT: dict[str, float] = {
    "exp": 2,
    "exp2": 1,
    "expm1": 2,
    "sin": 2,
    "cos": 2,
    "tan": 2,
    "tanh": 2,
    "sinh": 2,
    "cosh": 2,
    "erf": 2,
}

# √n·WALK deviations of (|result| + Q), Q the root of the sum of squares: a random walk of partial sums ending there.
WALK = 1 / 2
# (1 + √n·DRIFT)·Σ|terms|: partial sums that wander to Σ|terms|/2 and return (sorted, antisymmetric data). Calibrated:
# with 1/12, sequential sums of sorted products reach 0.9 of the gauge.
DRIFT = 1 / 8
# Strides in which vector units and thread blocks deal out a sum.
LANES = (2, 4, 8, 16, 32)
# So many products of a contraction are looked at one by one for their partial sums and lost terms. Larger ones are left
# to DRIFT: kernels sum them in blocks.
FEW_SUMMANDS = 2**16

# Elimination: (ELIMINATION + √n·ELIMINATION_WALK)·|L||U|. Calibrated; worst case 3n: Higham, Accuracy and Stability,
# theorem 9.4.
ELIMINATION = 2.0
ELIMINATION_WALK = 1 / 2
ELIMINATION_WORST = 3.0

# Scaling and squaring: a backward error of (EXPONENTIAL + √n·EXPONENTIAL_WALK)·u·‖A‖_F. Calibrated on single precision;
# worst case: 2ˢ ≤ 8‖A‖ where ‖A/2ˢ‖ ≤ ¼, and each squaring costs 2n: Higham, Functions of Matrices, ch. 10.
EXPONENTIAL = 2.0
EXPONENTIAL_WALK = 1 / 2
EXPONENTIAL_WORST = 16.0

# A butterfly: one complex product (√5), one sum (1), an inexact root of unity (1, times √2 …). Worst case per level.
BUTTERFLY_WORST = 6.0
# Longer prime factors are not transformed directly.
LARGEST_RADIX = 11
BLUESTEIN_TRANSFORMS, BLUESTEIN_LENGTH = 3, 4
