/* The allocator of a fuzzed process: it knows what is held, and refuses what is out of proportion. */
#ifndef CT_TESTS_FUZZ_FUZZ_MEMORY_H
#define CT_TESTS_FUZZ_FUZZ_MEMORY_H

#include <stddef.h>

void fuzz_memory_install(void);

/* Allocations that would bring what is held to more than `bytes` are refused. */
void fuzz_memory_limit(size_t bytes);

size_t fuzz_memory_held(void);
size_t fuzz_memory_blocks(void);
/* The size of the first allocation that was refused since the limit was set; 0: none. */
size_t fuzz_memory_refused(void);

#endif
