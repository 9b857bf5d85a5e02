/* Which x86-64 level this machine runs, and which one its user asked for. */
#ifndef CT_DEVICE_CPU_ISA_H
#define CT_DEVICE_CPU_ISA_H

#include "base/error.h"

/* In ascending order. BASE: a machine that is not x86-64; its kernels are compiled for what the compiler
 * takes as default. */
typedef enum ct_isa { CT_ISA_BASE, CT_ISA_V2, CT_ISA_V3, CT_ISA_V4 } ct_isa;

/* The highest level that processor and operating system support. CT_ERR_UNSUPPORTED on an x86-64 below v2. */
ct_status ct__isa_detect(ct_isa *out, ct_error *err);

/* ct__isa_detect, lowered by the environment variable CROSSTOWER_ISA (v2, v3, v4; unset or empty: not
 * lowered). CT_ERR_CONFIG for another word or a level above the machine's. */
ct_status ct__isa_choose(ct_isa *out, ct_error *err);

const char *ct__isa_name(ct_isa isa); /* "x86-64-v3" */

/* The processor's own name, "unknown processor" where it does not tell; at most size - 1 bytes. */
void ct__processor_name(char *out, int size);

#endif
