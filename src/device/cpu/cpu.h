/* The CPU device: host memory, OpenMP threads, kernels of the highest instruction set that the machine runs.
 */
#ifndef CT_DEVICE_CPU_CPU_H
#define CT_DEVICE_CPU_CPU_H

#include "device/backend.h"
#include "device/cpu/isa.h"

/* More threads than this are refused: the OpenMP runtime ends the process when it cannot create its threads.
 */
#define CT_CPU_MAX_THREADS 1024

/* n_threads 0: as many as the cores that this process may use. CT_ERR_ARGUMENT outside 0..CT_CPU_MAX_THREADS;
 * else the errors of ct__isa_choose. On success *out is to be closed with out->verbs->close(out->state). */
ct_status ct__cpu_open(ct_backend_opened *out, int n_threads, ct_error *err);

/* The ops as the CPU runs them on one instruction set; NULL for one that was not compiled for this
 * architecture. Whether the machine runs it is the caller's question. */
const ct_op_table *ct__cpu_table(ct_isa isa);

#endif
