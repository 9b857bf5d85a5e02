/* The tape: variables, gradients on demand, backward steps. */
#include "nn/tape.h"

#include <string.h>

#include "base/alloc.h"

typedef struct variable {
    ct_tensor value;
    ct_tensor grad;   /* data NULL until somebody writes it */
    ct_var whole;     /* CT_VAR_NEW, or the variable whose columns this is */
    int64_t from;     /* first column in whole */
    bool reshaped;    /* the same elements as whole in another shape, instead of columns of it */
    bool needs_grad;
} variable;

typedef struct node {
    ct_backward_fn fn;
    _Alignas(16) unsigned char state[CT_TAPE_STATE_BYTES];
} node;

struct ct_tape {
    ct_device *device;
    ct_params *params;
    ct_arena values, grads;
    void *values_block, *grads_block; /* device memory under the arenas */
    variable *vars;
    size_t n_vars, vars_capacity;
    node *nodes;
    size_t n_nodes, nodes_capacity;
    bool training;
    ct_status status;
    ct_error error;
};

ct_status ct_tape_create(ct_tape **out, ct_device *device, ct_params *params, ct_error *err) {
    *out = NULL;
    ct_tape *t = NULL;
    CT_CHECK(ct_calloc(1, sizeof *t, (void **)&t, err));
    t->device = device;
    t->params = params;
    *out = t;
    return CT_OK;
}

void ct_tape_free(ct_tape *t) {
    if (!t) return;
    ct_device_free(t->device, t->values_block);
    ct_device_free(t->device, t->grads_block);
    ct_free(t->vars);
    ct_free(t->nodes);
    ct_free(t);
}

void ct_tape_begin(ct_tape *t, bool training) {
    t->n_vars = t->n_nodes = 0;
    t->training = training;
    t->status = CT_OK;
    ct_error_clear(&t->error);
    ct_arena_release(&t->values, 0);
    ct_arena_release(&t->grads, 0);
}

ct_status ct_tape_status(const ct_tape *t, ct_error *err) {
    if (t->status != CT_OK) return ct_fail(err, t->status, "%s", t->error.text);
    return CT_OK;
}

void ct_tape_fail(ct_tape *t, ct_status status, const ct_error *cause) {
    if (t->status != CT_OK) return;
    t->status = status;
    t->error = *cause;
}

/* An arena over a block of the device: the arena's own code never touches the memory. */
static ct_status back_arena(ct_tape *t, ct_arena *arena, void **block, const char *name, ct_error *err) {
    const size_t bytes = arena->peak;
    CT_CHECK(ct_device_alloc(t->device, bytes, 1, block, err));
    *arena = (ct_arena){.block = *block, .capacity = bytes, .name = name};
    return CT_OK;
}

void ct_tape_plan_begin(ct_tape *t) {
    /* The sizes of an earlier plan stay. */
    const size_t values = t->values.capacity, grads = t->grads.capacity;
    ct_device_free(t->device, t->values_block);
    ct_device_free(t->device, t->grads_block);
    t->values_block = t->grads_block = NULL;
    ct_arena_create_dry(&t->values, "activations");
    ct_arena_create_dry(&t->grads, "activation gradients");
    t->values.peak = values;
    t->grads.peak = grads;
    ct_device_plan_begin(t->device);
}

ct_status ct_tape_plan_end(ct_tape *t, ct_error *err) {
    ct_status st = CT_OK;
    CT_TRY(ct_device_plan_end(t->device, err), st, fail);
    CT_TRY(ct_tape_status(t, err), st, fail);
    CT_TRY(back_arena(t, &t->values, &t->values_block, "activations", err), st, fail);
    CT_TRY(back_arena(t, &t->grads, &t->grads_block, "activation gradients", err), st, fail);
    return CT_OK;
fail:
    t->values = t->grads = (ct_arena){0}; /* a pass must not get a plan's addresses */
    return st;
}

ct_status ct_tape_plan_cancel(ct_tape *t, size_t *activations, size_t *scratch, ct_error *err) {
    *scratch = ct_device_plan_cancel(t->device);
    *activations = t->values.peak + t->grads.peak;
    t->values = t->grads = (ct_arena){0}; /* another plan starts from nothing */
    return ct_tape_status(t, err);
}

size_t ct_tape_bytes(const ct_tape *t) { return t->values.capacity + t->grads.capacity; }

static ct_status add_variable(ct_tape *t, variable v, ct_var *out, ct_error *err) {
    CT_CHECK(ct_grow((void **)&t->vars, &t->vars_capacity, t->n_vars + 1, sizeof *t->vars, err));
    t->vars[t->n_vars] = v;
    *out = (ct_var)t->n_vars++;
    return CT_OK;
}

static ct_status take(ct_arena *arena, ct_dtype dtype, int64_t rows, int64_t cols, ct_tensor *out, ct_error *err) {
    void *data = NULL;
    CT_CHECK(ct_arena_take(arena, (size_t)rows * (size_t)cols, ct_dtype_bytes(dtype), &data, err));
    *out = ct_matrix(data, dtype, rows, cols);
    return CT_OK;
}

ct_var ct_tape_new(ct_tape *t, int64_t rows, int64_t cols, bool needs_grad) {
    if (ct_tape_failed(t)) return CT_VAR_NEW;
    ct_error err = CT_ERROR_INIT;
    variable v = {.whole = CT_VAR_NEW, .needs_grad = needs_grad};
    ct_var out = CT_VAR_NEW;
    ct_status st = take(&t->values, CT_DTYPE_F32, rows, cols, &v.value, &err);
    if (st == CT_OK) st = add_variable(t, v, &out, &err);
    if (st != CT_OK) ct_tape_fail(t, st, &err);
    return out;
}

ct_var ct_tape_input(ct_tape *t, ct_tensor value) {
    if (ct_tape_failed(t)) return CT_VAR_NEW;
    ct_error err = CT_ERROR_INIT;
    ct_var out = CT_VAR_NEW;
    const ct_status st = add_variable(t, (variable){.value = value, .whole = CT_VAR_NEW}, &out, &err);
    if (st != CT_OK) ct_tape_fail(t, st, &err);
    return out;
}

ct_var ct_tape_columns(ct_tape *t, ct_var whole, int64_t from, int64_t cols) {
    if (ct_tape_failed(t)) return CT_VAR_NEW;
    ct_error err = CT_ERROR_INIT;
    const variable *w = &t->vars[whole];
    const bool nested = w->whole != CT_VAR_NEW; /* a block of a block is a block of what both lie in */
    const variable v = {.value = ct_columns(w->value, from, cols),
                        .whole = nested ? w->whole : whole,
                        .from = nested ? w->from + from : from,
                        .needs_grad = w->needs_grad};
    ct_var out = CT_VAR_NEW;
    const ct_status st = add_variable(t, v, &out, &err);
    if (st != CT_OK) ct_tape_fail(t, st, &err);
    return out;
}

ct_var ct_tape_reshape(ct_tape *t, ct_var whole, int64_t rows, int64_t cols) {
    if (ct_tape_failed(t)) return CT_VAR_NEW;
    ct_error err = CT_ERROR_INIT;
    const variable *w = &t->vars[whole];
    ct_var out = CT_VAR_NEW;
    ct_status st = CT_OK;
    if (w->whole != CT_VAR_NEW || w->value.ld != w->value.cols || w->value.rows * w->value.cols != rows * cols)
        st = ct_fail(&err, CT_ERR_INTERNAL, "tape: [%lld, %lld] cannot be seen as [%lld, %lld]",
                     (long long)w->value.rows, (long long)w->value.cols, (long long)rows, (long long)cols);
    const variable v = {.value = ct_f32(w->value.data, rows, cols), .whole = whole, .reshaped = true,
                        .needs_grad = w->needs_grad};
    if (st == CT_OK) st = add_variable(t, v, &out, &err);
    if (st != CT_OK) ct_tape_fail(t, st, &err);
    return out;
}

ct_tensor ct_tape_value(const ct_tape *t, ct_var v) { return v == CT_VAR_NEW ? (ct_tensor){0} : t->vars[v].value; }

ct_device *ct_tape_device(const ct_tape *t) { return t->device; }
ct_params *ct_tape_params(const ct_tape *t) { return t->params; }
bool ct_tape_training(const ct_tape *t) { return t->training; }
bool ct_tape_failed(const ct_tape *t) { return t->status != CT_OK; }
bool ct_tape_needs_grad(const ct_tape *t, ct_var v) { return v != CT_VAR_NEW && t->vars[v].needs_grad; }

ct_tensor ct_tape_keep(ct_tape *t, ct_dtype dtype, int64_t rows, int64_t cols) {
    ct_tensor out = {0};
    if (ct_tape_failed(t)) return out;
    ct_error err = CT_ERROR_INIT;
    const ct_status st = take(&t->values, dtype, rows, cols, &out, &err);
    if (st != CT_OK) ct_tape_fail(t, st, &err);
    return out;
}

void ct_tape_record(ct_tape *t, ct_backward_fn fn, const void *state, size_t bytes) {
    if (!t->training || ct_tape_failed(t)) return;
    ct_error err = CT_ERROR_INIT;
    ct_status st = bytes <= CT_TAPE_STATE_BYTES
                       ? ct_grow((void **)&t->nodes, &t->nodes_capacity, t->n_nodes + 1, sizeof *t->nodes, &err)
                       : ct_fail(&err, CT_ERR_INTERNAL, "tape: a backward step keeps %zu bytes, at most %d fit", bytes,
                                 CT_TAPE_STATE_BYTES);
    if (st != CT_OK) {
        ct_tape_fail(t, st, &err);
        return;
    }
    node *n = &t->nodes[t->n_nodes++];
    n->fn = fn;
    memcpy(n->state, state, bytes);
}

ct_status ct_tape_backward(ct_tape *t, ct_error *err) {
    CT_CHECK(ct_tape_status(t, err));
    for (size_t i = t->n_nodes; i-- > 0;) CT_CHECK(t->nodes[i].fn(t, t->nodes[i].state, err));
    return CT_OK;
}

ct_tensor ct_tape_grad(const ct_tape *t, ct_var v) {
    const variable *var = &t->vars[v];
    if (var->whole == CT_VAR_NEW) return var->grad;
    const ct_tensor grad = t->vars[var->whole].grad;
    if (grad.data && var->reshaped) return ct_f32(grad.data, var->value.rows, var->value.cols);
    return grad.data ? ct_columns(grad, var->from, var->value.cols) : grad;
}

ct_status ct_tape_grad_into(ct_tape *t, ct_var v, ct_tensor *grad, float *beta, ct_error *err) {
    *grad = (ct_tensor){0};
    *beta = 0.0f;
    if (!ct_tape_needs_grad(t, v)) return CT_OK;
    variable *var = &t->vars[v];
    if (var->reshaped) {
        CT_CHECK(ct_tape_grad_into(t, var->whole, grad, beta, err));
        *grad = ct_f32(grad->data, var->value.rows, var->value.cols);
        return CT_OK;
    }
    if (var->whole != CT_VAR_NEW)
        return ct_fail(err, CT_ERR_INTERNAL, "tape: a column block is read on its own; read the whole");
    if (var->grad.data) {
        *beta = 1.0f;
    } else {
        CT_CHECK(take(&t->grads, CT_DTYPE_F32, var->value.rows, var->value.cols, &var->grad, err));
    }
    *grad = var->grad;
    return CT_OK;
}

ct_status ct_tape_grad_scratch(ct_tape *t, int64_t rows, int64_t cols, ct_tensor *out, ct_error *err) {
    return take(&t->grads, CT_DTYPE_F32, rows, cols, out, err);
}
