"""Weights by a formula, so that golden files need not hold them: the twin of tests/model/formula.h."""

import math

import numpy as np


def bits(name, n):
    """n words: the finaliser of SplitMix64 over FNV-1a of the name, and i."""
    key = 0xCBF29CE484222325
    for byte in name.encode():
        key = (key ^ byte) * 0x100000001B3 % 2**64
    with np.errstate(over="ignore"):
        z = np.uint64(key) + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def uniform(name, n):
    """n numbers of [-1, 1), all multiples of 2^-23."""
    return (bits(name, n) >> np.uint64(40)).astype(np.float64) * 2.0**-23 - 1.0


def parameter(name, shape):
    """Matrices and filters as He et al. would have them, to a power of two; norms near 1 and 0, and no two alike. The
    last norm of a bottleneck is near 1/8: at 1, sixteen of them make a thousand times more of a batch's roundings."""
    u = uniform(name, math.prod(shape)).reshape(shape)
    if name.endswith("running_var"):
        return 1.0 + u / 2
    if len(shape) > 1:
        return u * 2.0 ** math.floor(math.log2(math.sqrt(6.0 / math.prod(shape[1:]))))
    if name.endswith("bn3.weight"):
        return (1.0 + u / 4) / 8
    return 1.0 + u / 4 if name.endswith("weight") else u / 4


def pixels(name, n):
    """n bytes."""
    return ((uniform(name, n) + 1.0) * 128.0).astype(np.uint8)


SKETCH = 64


def sketch(name, values):
    """A tensor of any size in 64 numbers (Charikar, Chen & Farach-Colton 2002): each value is added to, or taken from,
    one of them. The sketch of a difference is the difference of the sketches, and its expected squared norm is the
    tensor's: an error in one value or in many shows as large as it is."""
    words = bits(name, values.size)
    sign = 1.0 - 2.0 * ((words >> np.uint64(57)) & np.uint64(1)).astype(np.float64)
    return np.bincount((words >> np.uint64(58)).astype(np.int64), sign * values.ravel(), SKETCH)
