// The tables that elementwise.c chooses from; elementwise.inc defines one per tier.
#ifndef FPQ_ELEMENTWISE_TABLES_H
#define FPQ_ELEMENTWISE_TABLES_H

#include "include/elementwise.h"

extern const fpq_elementwise_table fpq_elementwise_scalar;
#if defined(__x86_64__)
extern const fpq_elementwise_table fpq_elementwise_avx2, fpq_elementwise_avx512;
#endif

#endif
