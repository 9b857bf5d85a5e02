/* A bump arena over one block: pointers are carved from the front, a mark rolls back to an earlier point.
 * A dry arena (block NULL) hands out addresses that must not be touched and only counts, so that one planning pass at
 * the caps tells how many bytes a run needs. */
#ifndef CT_BASE_ARENA_H
#define CT_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

typedef struct ct_arena {
    char *block;       /* NULL when dry */
    size_t capacity;   /* bytes */
    size_t used;       /* bytes, a multiple of CT_ALIGN */
    size_t peak;       /* most bytes ever used */
    const char *name;  /* for messages, borrowed for the arena's life */
    bool dry;
} ct_arena;

/* Owns capacity bytes until ct_arena_free. */
ct_status ct_arena_create(ct_arena *arena, const char *name, size_t capacity, ct_error *err);
void ct_arena_create_dry(ct_arena *arena, const char *name);
void ct_arena_free(ct_arena *arena);

/* *out = bytes, CT_ALIGN-aligned, not zeroed. CT_ERR_MEMORY names arena, asked and free bytes. In a dry arena *out is
 * a fake address that differs from NULL. */
ct_status ct_arena_take(ct_arena *arena, size_t count, size_t size, void **out, ct_error *err);

size_t ct_arena_mark(const ct_arena *arena);
void ct_arena_release(ct_arena *arena, size_t mark);

#endif
