/* Every op of kernels/ops.def on every instruction set of this machine and on the f32 reference, against the
 * f64 oracle; the oracle's gradients against finite differences; the harness against broken ops. Prints TAP,
 * one line an op and kind of check.
 *
 *   test_ops [--mutants] [--op NAME] [--device NAME] [--seed N]
 *
 * CROSSTOWER_TEST_BRIEF, set for the run under sanitizers, asks for what touches memory differently: one device, its
 * runs, no finite differences (the same calls many times) and no mutants. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/ops/harness.h"

/* v2, v3, v4 force an instruction set; cpu is what another machine's processor runs. */
enum { DEVICES = 5 };
static const char *const device_names[DEVICES] = {"v4", "v3", "v2", "cpu", "ref_f32"};

typedef struct options {
    bool mutants, brief;
    const char *op, *device;
    uint64_t seed;
} options;

static bool read_options(int argc, char **argv, options *o) {
    for (int i = 1; i < argc; i++) {
        const bool more = i + 1 < argc;
        if (strcmp(argv[i], "--mutants") == 0)
            o->mutants = true;
        else if (strcmp(argv[i], "--op") == 0 && more)
            o->op = argv[++i];
        else if (strcmp(argv[i], "--device") == 0 && more)
            o->device = argv[++i];
        else if (strcmp(argv[i], "--seed") == 0 && more)
            o->seed = strtoull(argv[++i], NULL, 10);
        else
            return false;
    }
    return true;
}

static bool open_device(op_device *d, const char *name, ct_error *err) {
    const bool reference = strcmp(name, "ref_f32") == 0;
    snprintf(d->name, sizeof d->name, "%s", name);
    if (name[0] == 'v')
        setenv("CROSSTOWER_ISA", name, 1);
    else
        unsetenv("CROSSTOWER_ISA");
    if (ct_device_open(&d->one, "cpu", 1, err) != CT_OK || ct_device_open(&d->two, "cpu", 2, err) != CT_OK) {
        ct_device_close(d->one);
        return false;
    }
    if (reference) {
        ct_device_set_table(d->one, &op_ref_f32_table);
        ct_device_set_table(d->two, &op_ref_f32_table);
    }
    return true;
}

/* Opens what the machine has, at most `most`. The reference runs everywhere, so a machine without any device is a
 * failure. */
static int open_devices(op_device *devices, const char *only, int most) {
    int n = 0;
    for (int i = 0; i < DEVICES && n < most; i++) {
        ct_error err = CT_ERROR_INIT;
        const bool covered = strcmp(device_names[i], "cpu") == 0 && n > 0; /* by the forced sets */
        if (only ? strcmp(only, device_names[i]) != 0 : covered) continue;
        if (open_device(&devices[n], device_names[i], &err)) {
            n++;
        } else {
            char name[64];
            snprintf(name, sizeof name, "device %s", device_names[i]);
            if (err.status == CT_ERR_CONFIG)
                op_tap_skip(name, "this machine lacks the instruction set");
            else
                op_tap(false, name, err.text);
        }
    }
    if (n == 0) op_tap(false, "at least one device opens", NULL);
    return n;
}

typedef struct op_work {
    const op_device *devices;
    int n_devices;
    op_tally tallies[DEVICES][OP_CHECKS];
    op_tally oracle;
    bool brief;
    op_gradient gradient;
} op_work;

static bool visit_run(op_run *run, void *ctx) {
    op_work *w = ctx;
    op_expected e;
    op_expected_make(&e, run);
    op_check_oracle(&e, &w->oracle);
    if (!w->brief) op_check_gradient(run, &w->gradient);
    for (int d = 0; d < w->n_devices; d++) op_check_run(&e, &w->devices[d], false, w->tallies[d]);
    op_expected_free(&e);
    return true;
}

static void print_tally(const char *who, const char *op, const char *check, const op_tally *t) {
    char name[160], diagnostic[1400];
    snprintf(name, sizeof name, "%s %s %s (%d runs)", who, op, check, t->run);
    snprintf(diagnostic, sizeof diagnostic, "%d of %d failed, first: %s", t->failed, t->run, t->first);
    op_tap(t->run > 0 && t->failed == 0, name, diagnostic);
}

/* Does this kind of check apply to the case? A check that applies and never ran is a failure. */
static bool wanted(const op_case *c, op_check check) {
    if (check == OP_CHECK_ALIAS) return c->aliases[0].out != 0;
    if (check != OP_CHECK_ACCUMULATE) return true;
    for (int i = 0; i < c->n_fields; i++)
        if (c->fields[i].role == OP_BLEND) return true;
    return false;
}

/* A device may lack an op, which is reported as such; on a CPU the reference fills gaps, so a gap is a
 * failure. */
static bool supports(const op_device *d, const op_entry *op) {
    const char *table = (const char *)ct_device_table(d->two);
    ct_status (*entry)(void);
    char name[120];
    memcpy(&entry, table + op->table_at, sizeof entry);
    if (entry) return true;
    snprintf(name, sizeof name, "%s %s", d->name, op->name);
    if (strcmp(ct_device_get_info(d->two).kind, "cpu") == 0)
        op_tap(false, name, "the CPU's table has a gap");
    else
        op_tap_unsupported(name);
    return false;
}

static void test_op(const op_entry *op, const op_device *all, int n_all, const options *o) {
    op_device devices[DEVICES];
    int n_devices = 0;
    for (int d = 0; d < n_all; d++)
        if (supports(&all[d], op)) devices[n_devices++] = all[d];
    op_work w = {.devices = devices, .n_devices = n_devices, .brief = o->brief};
    if (!op->c) {
        char name[80];
        snprintf(name, sizeof name, "%s has a case", op->name);
        op_tap(false, name, "tests/ops has no op_case for this line of kernels/ops.def");
        return;
    }
    op_for_each_run(op, o->seed, false, visit_run, &w);
    print_tally("oracle", op->name, "agrees with itself", &w.oracle);
    if (op->c->forward && !o->brief) {
        op_gradient_coverage(op->c, &w.gradient);
        print_tally("oracle", op->name, "gradients", &w.gradient.tally);
    }
    for (int d = 0; d < n_devices; d++)
        for (op_check c = 0; c < OP_CHECKS; c++)
            if (wanted(op->c, c)) print_tally(devices[d].name, op->name, op_check_names[c], &w.tallies[d][c]);
    for (int d = 0; d < n_devices && op->c->special; d++) op_special_run(op, &devices[d]);
}

int main(int argc, char **argv) {
    options o = {.seed = 20240607, .brief = getenv("CROSSTOWER_TEST_BRIEF") != NULL};
    op_device devices[DEVICES] = {0};
    if (!read_options(argc, argv, &o)) {
        fprintf(stderr,
                "usage: test_ops [--mutants] [--op NAME] [--device v2|v3|v4|cpu|ref_f32] [--seed N]\n");
        return 2;
    }
    op_catch_crashes();
    op_tap_note("seed %llu (repeat with --seed, one op with --op NAME)", (unsigned long long)o.seed);
    const int n = open_devices(devices, o.device, o.brief ? 1 : DEVICES);
    for (int i = 0; i < op_n_entries && !o.mutants && n > 0; i++)
        if (!o.op || strcmp(o.op, op_entries[i].name) == 0) test_op(&op_entries[i], devices, n, &o);
    /* The mutants of one device take seconds and belong to every run; --mutants is for those of all. */
    for (int d = 0; d < (o.mutants ? n : n > 0 && !o.brief); d++) op_mutants(&devices[d], o.seed, o.op);
    for (int d = 0; d < n; d++) {
        ct_device_close(devices[d].one);
        ct_device_close(devices[d].two);
    }
    op_oracle_close();
    return op_tap_finish();
}
