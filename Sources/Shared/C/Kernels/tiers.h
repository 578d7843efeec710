// How the `.inc` files are compiled once per tier (scalar.c, avx2.c, avx512.c): they define their
// functions through TIERED(name), which appends the tier's suffix; tier.inc makes a table of them,
// and kernels.c chooses among the tables.
#ifndef FPQ_TIERS_H
#define FPQ_TIERS_H

#include "include/kernels.h"

extern const fpq_kernels fpq_kernels_scalar;
#if defined(__x86_64__)
extern const fpq_kernels fpq_kernels_avx2, fpq_kernels_avx512;
#endif

#define FPQ_JOIN_(a, b) a##b
#define FPQ_JOIN(a, b) FPQ_JOIN_(a, b)
#define TIERED(name) FPQ_JOIN(name, FPQ_TIER_SUFFIX)

#define FPQ_TARGET_AVX2 "avx2,fma,f16c"
#define FPQ_TARGET_AVX512 "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni"

// A product and a sum round twice on every tier, also where the processor could fuse them.
#pragma STDC FP_CONTRACT OFF

// For loops whose y may be their x: element i depends on nothing but element i, which the compiler
// cannot see; without it an in-place call runs one element at a time.
#define ELEMENTWISE _Pragma("clang loop vectorize(assume_safety)")

#endif
