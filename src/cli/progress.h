/* Shows on stderr how a verb gets on: one line that is rewritten on a terminal, plain lines elsewhere. */
#ifndef CT_CLI_PROGRESS_H
#define CT_CLI_PROGRESS_H

#include "crosstower/crosstower.h"

typedef struct ct__progress {
    bool quiet, terminal;
    double next_s; /* elsewhere than on a terminal: not before this time */
} ct__progress;

/* The observer that shows on p, which must outlive it. Its stop is ct__stop_asked. */
ct_observer ct__progress_begin(ct__progress *p, bool quiet);
/* Ends a line that still stands on the terminal. */
void ct__progress_end(ct__progress *p);

#endif
