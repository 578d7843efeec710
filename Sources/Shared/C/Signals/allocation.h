#ifndef FPQ_ALLOCATION_H
#define FPQ_ALLOCATION_H

#include <stddef.h>

// Ends a process whose handlers are installed, with one line that names `bytes`; else returns.
void fpq_allocation_failed(size_t bytes);

#endif
