/* The tape: variables of one forward pass, and the list of backward steps that a training pass plays from the end.
 *
 * Values lie in one bump arena of the device, gradients in a second; both are sized by a dry pass at the caps, in which
 * all layers run with fake addresses and the device only checks and plans. After that a pass allocates nothing.
 *
 * Errors are sticky: a layer called on a tape that has failed does nothing, so that a model reads like its formula and
 * its caller checks once, by ct_tape_status. */
#ifndef CT_NN_TAPE_H
#define CT_NN_TAPE_H

#include "nn/params.h"

/* A variable's number on its tape. CT_VAR_NEW as a destination: "make one"; as an input: absent. */
typedef int32_t ct_var;
#define CT_VAR_NEW ((ct_var) - 1)

typedef struct ct_tape ct_tape;

/* A backward step: reads the gradients of its outputs, writes those of its inputs. */
typedef ct_status (*ct_backward_fn)(ct_tape *tape, const void *state, ct_error *err);

ct_status ct_tape_create(ct_tape **out, ct_device *device, ct_params *params, ct_error *err);
void ct_tape_free(ct_tape *tape); /* accepts NULL */

/* Forgets the last pass. training: backward steps are recorded and dropout is on. */
void ct_tape_begin(ct_tape *tape, bool training);
ct_status ct_tape_status(const ct_tape *tape, ct_error *err);
/* Records a failure found outside the layers. */
void ct_tape_fail(ct_tape *tape, ct_status status, const ct_error *cause);

/* Planning: begin; one pass (forward, and backward when training) at the caps; end allocates the arenas. */
void ct_tape_plan_begin(ct_tape *tape);
ct_status ct_tape_plan_end(ct_tape *tape, ct_error *err);
/* Ends planning without allocating: the bytes that activations with their gradients, and scratch, would take. The tape
 * is then only good for another plan. */
ct_status ct_tape_plan_cancel(ct_tape *tape, size_t *activations, size_t *scratch, ct_error *err);
size_t ct_tape_bytes(const ct_tape *tape); /* both arenas */

/* A new variable with uninitialised value. needs_grad false: an input. */
ct_var ct_tape_new(ct_tape *tape, int64_t rows, int64_t cols, bool needs_grad);
/* Device memory of another owner as an input: read only, and good until the pass ends. */
ct_var ct_tape_input(ct_tape *tape, ct_tensor value);
/* A column block of `whole` as the destination of a layer: what makes a concatenation without a copy. It is written by
 * one layer and read only as part of the whole. */
ct_var ct_tape_columns(ct_tape *tape, ct_var whole, int64_t from, int64_t cols);
/* The same values as rows x cols (as many elements), gradient included; for variables whose rows touch (ld == cols). */
ct_var ct_tape_reshape(ct_tape *tape, ct_var v, int64_t rows, int64_t cols);
ct_tensor ct_tape_value(const ct_tape *tape, ct_var v); /* data NULL for CT_VAR_NEW */

/* Plays the backward steps from the last to the first. The seed gradient is written by the loss's own step. */
ct_status ct_tape_backward(ct_tape *tape, ct_error *err);

/* For layers. */
ct_device *ct_tape_device(const ct_tape *tape);
ct_params *ct_tape_params(const ct_tape *tape);
bool ct_tape_training(const ct_tape *tape);
bool ct_tape_failed(const ct_tape *tape);
bool ct_tape_needs_grad(const ct_tape *tape, ct_var v);
/* Scratch that lives as long as the pass (what backward needs kept). rows * cols elements of dtype. */
ct_tensor ct_tape_keep(ct_tape *tape, ct_dtype dtype, int64_t rows, int64_t cols);
/* Appends a backward step; state is copied (at most CT_TAPE_STATE_BYTES). Does nothing when not training. */
#define CT_TAPE_STATE_BYTES 768
void ct_tape_record(ct_tape *tape, ct_backward_fn fn, const void *state, size_t bytes);
/* In a backward step: the gradient of an output, to read; data NULL when nothing flowed into it (the step then has
 * nothing to do). */
ct_tensor ct_tape_grad(const ct_tape *tape, ct_var v);
/* In a backward step: where to write the gradient of an input; *beta is 0 for its first writer, 1 after. data NULL when
 * the variable needs none. */
ct_status ct_tape_grad_into(ct_tape *tape, ct_var v, ct_tensor *grad, float *beta, ct_error *err);
/* A scratch gradient in the second arena that belongs to no variable. */
ct_status ct_tape_grad_scratch(ct_tape *tape, int64_t rows, int64_t cols, ct_tensor *out, ct_error *err);

#endif
