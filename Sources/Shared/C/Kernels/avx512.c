// Every kernel for processors with AVX-512 VNNI.
#if defined(__x86_64__)
#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "lowbit_layout.h"
#include "scratch.h"
#include "tiers.h"

#pragma clang attribute push(__attribute__((target(FPQ_TARGET_AVX512))), apply_to = function)
#define FPQ_HAS_F16C
#define FPQ_TIER_SUFFIX _avx512
#include "lowbit_avx512.inc"
#include "tier.inc"
#pragma clang attribute pop
#endif
