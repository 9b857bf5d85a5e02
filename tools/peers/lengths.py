"""Prints benchmarks/shapes/texts.lengths: how long texts are, in tokens. It was run once; the file is what counts."""

import math
import random

MEDIAN, SIGMA, LEAST, MOST, COUNT, SEED = 30, 0.6, 8, 128, 1024, 20

draw = random.Random(SEED)
print(f"# Texts' lengths in tokens, [CLS] and [SEP] counted: {COUNT} draws of a log-normal with median {MEDIAN} and sigma")
print(f"# {SIGMA}, clipped to {LEAST}-{MOST}; made by tools/peers/lengths.py. Read by benchmarks/ and by tools/peers/.")
for _ in range(COUNT):
    print(min(max(round(math.exp(draw.gauss(math.log(MEDIAN), SIGMA))), LEAST), MOST))
