// The tables that gradients.c chooses from; gradients.inc defines one per tier.
#ifndef FPQ_GRADIENTS_TABLES_H
#define FPQ_GRADIENTS_TABLES_H

#include "include/gradients.h"

extern const fpq_gradients_table fpq_gradients_scalar;
#if defined(__x86_64__)
extern const fpq_gradients_table fpq_gradients_avx2, fpq_gradients_avx512;
#endif

#endif
