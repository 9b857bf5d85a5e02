/* Platforms by the name that a caller gave. */
#ifndef CT_SERVE_PLATFORM_H
#define CT_SERVE_PLATFORM_H

#include "data/dataset.h"

/* name NULL: *platform -1. CT_ERR_ARGUMENT names those that there are. */
ct_status ct__find_platform(const ct_dataset *data, const char *name, int32_t *platform, ct_error *err);

#endif
