/* A bump arena over one block. */
#include "base/arena.h"

#include <assert.h>
#include <stdint.h>

#include "base/alloc.h"

ct_status ct_arena_create(ct_arena *arena, const char *name, size_t capacity, ct_error *err) {
    *arena = (ct_arena){.name = name};
    void *block;
    CT_CHECK(ct_calloc(capacity, 1, &block, err));
    arena->block = block;
    /* What ct_calloc gave is rounded up as well; a capacity of whole lines keeps `used` from passing it. */
    arena->capacity = (capacity + CT_ALIGN - 1) / CT_ALIGN * CT_ALIGN;
    return CT_OK;
}

void ct_arena_create_dry(ct_arena *arena, const char *name) {
    *arena = (ct_arena){.name = name, .capacity = SIZE_MAX / CT_ALIGN * CT_ALIGN - CT_ALIGN, .dry = true};
}

void ct_arena_free(ct_arena *arena) {
    ct_free(arena->block);
    *arena = (ct_arena){0};
}

ct_status ct_arena_take(ct_arena *arena, size_t count, size_t size, void **out, ct_error *err) {
    size_t bytes, end;
    *out = NULL;
    if (__builtin_mul_overflow(count, size, &bytes) || __builtin_add_overflow(arena->used, bytes, &end) ||
        end > arena->capacity)
        return ct_fail(err, CT_ERR_MEMORY, "arena '%s': asked for %zu x %zu bytes, %zu of %zu are free",
                       arena->name ? arena->name : "", count, size, arena->capacity - arena->used,
                       arena->capacity);
    *out = arena->dry ? (void *)(uintptr_t)(CT_ALIGN + arena->used) : arena->block + arena->used;
    arena->used = (end + CT_ALIGN - 1) / CT_ALIGN * CT_ALIGN;
    if (arena->used > arena->peak) arena->peak = arena->used;
    return CT_OK;
}

size_t ct_arena_mark(const ct_arena *arena) {
    return arena->used;
}

void ct_arena_release(ct_arena *arena, size_t mark) {
    assert(mark <= arena->used && mark % CT_ALIGN == 0);
    arena->used = mark;
}
