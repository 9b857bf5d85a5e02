/* What the layers' files share: destinations, sticky errors, dropout settings. */
#ifndef CT_NN_LAYER_SUPPORT_H
#define CT_NN_LAYER_SUPPORT_H

#include "nn/layers.h"

/* `into`, or a new variable [rows, cols] when it is CT_VAR_NEW. */
ct_var ct__nn_into(ct_tape *t, ct_var into, int64_t rows, int64_t cols);
/* Makes a failed op the tape's failure. */
void ct__nn_check(ct_tape *t, ct_status st, const ct_error *err);
/* p is 0 unless the tape is training. */
ct_dropout ct__nn_drop(const ct_tape *t, float p, const char *stream);

/* Gradients of a weight and its bias, for ops that take both or neither: when only one of the two is frozen, scratch
 * stands in for it and is thrown away. */
ct_status ct__nn_pair_grads(ct_tape *t, ct_param weight, ct_param bias, ct_tensor *dw, ct_tensor *db, ct_error *err);

#endif
