/* Temporaries beside an output, "NAME.crosstower-tmp-PID-N": whose they are is said by a lock (flock) on them, which
 * the system gives back when their process ends, however it ends. A temporary that nobody holds is left over from a
 * killed process and is removed by the next writer in its folder. */
#ifndef CT_BASE_TEMPORARY_H
#define CT_BASE_TEMPORARY_H

#include <stdbool.h>

#include "base/error.h"

#define CT__TEMPORARY ".crosstower-tmp-"

/* Takes the lock of an open file or folder of that name. False when another process has it, or took it and removed the
 * name meanwhile: then it is not ours. True without a lock where the file system knows none. */
bool ct__temporary_hold(int fd, const char *path);

/* Removes the temporary files in a folder that nobody holds. What cannot be listed, locked or removed stays: no failure
 * of its own. */
void ct__temporary_sweep(const char *folder);

/* Is this folder left over: there, and held by nobody? False where the file system knows no locks. */
bool ct__temporary_stale_folder(const char *path);

/* Is text PID (parts 1) or PID-N (parts 2), in digits? */
bool ct__temporary_numbers(const char *text, int parts);

#endif
