#if defined(__x86_64__)
#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "elementwise_tables.h"
#include "tiers.h"

#pragma clang attribute push(__attribute__((target(FPQ_TARGET_AVX2))), apply_to = function)
#define FPQ_HAS_F16C
#define FPQ_TIER_SUFFIX _avx2
#include "elementwise.inc"
#pragma clang attribute pop
#endif
