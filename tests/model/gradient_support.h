/* Finite differences for the tests of the model's gradient. Along a direction of one tensor,
 *     (L(w + h d) - L(w - h d)) / 2h = g . d + O(h^2).
 * The loss is a float near 2: its rounding of 1e-7, over 2h = 0.02, leaves 1e-5 of noise beside derivatives
 * of 0.01 and more; the maxima of the CNN have kinks. 2% tells a wrong formula from a right one; tests/ops
 * has the fine measure. */
#ifndef CT_TESTS_MODEL_GRADIENT_SUPPORT_H
#define CT_TESTS_MODEL_GRADIENT_SUPPORT_H

#include "tests/model/model_support.h"

#define TEST_GRADIENT_STEP 0.01
#define TEST_GRADIENT_TOLERANCE 0.02

/* The loss of a training step; its gradients then lie in the parameters. */
float test_step_loss(ct_model *model, const ct_batch *batch);
/* Weights that are drawn at 0.02 give a text almost no say; larger ones make the slopes worth measuring. */
void test_liven(ct_model *model);
/* A livened model of this config: the named parameters, and the id tables it has, against differences of +-
 * step. */
void check_gradients(const ct_config *config, const char *const *names, int n_names, double step);

#endif
