// The tables that lowbit.c chooses from.
#ifndef FPQ_LOWBIT_TABLES_H
#define FPQ_LOWBIT_TABLES_H

#include "include/lowbit.h"

extern const fpq_lowbit_table fpq_lowbit_scalar;
#if defined(__x86_64__)
extern const fpq_lowbit_table fpq_lowbit_avx2, fpq_lowbit_avx512;
#endif

#endif
