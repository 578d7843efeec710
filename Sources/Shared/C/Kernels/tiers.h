// Compiles a `.inc` file once per tier. The file defines its functions through TIERED(name), which
// appends the tier's suffix, and exports one table of function pointers for the dispatcher.
#ifndef FPQ_TIERS_H
#define FPQ_TIERS_H

#define FPQ_JOIN_(a, b) a##b
#define FPQ_JOIN(a, b) FPQ_JOIN_(a, b)
#define TIERED(name) FPQ_JOIN(name, FPQ_TIER_SUFFIX)

#define FPQ_TARGET_AVX2 "avx2,fma,f16c"
#define FPQ_TARGET_AVX512 "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni"

// For loops whose y may be their x: element i depends on nothing but element i, which the compiler cannot see; without
// it an in-place call runs one element at a time.
#define ELEMENTWISE _Pragma("clang loop vectorize(assume_safety)")

#endif
