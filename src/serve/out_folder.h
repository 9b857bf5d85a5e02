/* A folder of output files that appears under its name only when it is whole, and replaces only its own kind. */
#ifndef CT_SERVE_OUT_FOLDER_H
#define CT_SERVE_OUT_FOLDER_H

#include "base/error.h"

typedef struct ct__out_folder {
    char *target; /* where it will stand */
    char *fresh;  /* where the files are written meanwhile, beside it; NULL before ct__out_folder_begin */
    int lock;     /* of fresh, once it is there: base/temporary.h */
} ct__out_folder;

/* First puts in order what a killed process left beside path: its fresh folder goes, and an old folder that it had moved
 * aside comes back when nothing stands in its place. Then checks that path may be written to: nothing is there, or an empty folder (removed), or a folder whose manifest.json
 * names `format` (or names none). Else CT_ERR_CONFIG; `how` ends the message ("choose another with --out"). */
ct_status ct__out_folder_check(ct__out_folder *f, const char *path, const char *format, const char *how, ct_error *err);
/* Makes the fresh folder, and the parents of the target. */
ct_status ct__out_folder_begin(ct__out_folder *f, ct_error *err);
/* The fresh folder takes the name; what stood there goes. */
ct_status ct__out_folder_commit(ct__out_folder *f, ct_error *err);
/* Removes what was not committed. */
void ct__out_folder_end(ct__out_folder *f);

#endif
