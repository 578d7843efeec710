// Working memory of the calling thread, kept from call to call.
#ifndef FPQ_SCRATCH_H
#define FPQ_SCRATCH_H

#include <stddef.h>

/// At least `bytes` bytes at a 64-byte border, with what the thread left there; freed when it ends.
void *fpq_scratch(size_t bytes);

#endif
