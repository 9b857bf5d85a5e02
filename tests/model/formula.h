/* Weights by a formula, so that golden files need not hold them: the twin of tools/golden/formula.py. */
#ifndef CT_TESTS_MODEL_FORMULA_H
#define CT_TESTS_MODEL_FORMULA_H

#include <stdint.h>

/* Values of a parameter [rows, cols] of a ResNet by torchvision's name. Vectors have one row. */
void test_formula(const char *name, int64_t rows, int64_t cols, float *values);
/* A tensor of any size in 64 numbers. The sketch of a difference is the difference of the sketches, and as large as it
 * on average: an error in one value or in many shows (tools/golden/formula.py says whose idea it is). */
enum { TEST_SKETCH = 64 };
void test_sketch(const char *name, const float *values, int64_t n, float sketch[TEST_SKETCH]);
void test_formula_pixels(const char *name, int64_t n, uint8_t *pixels);

#endif
