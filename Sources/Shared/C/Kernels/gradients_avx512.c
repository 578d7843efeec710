#if defined(__x86_64__)
#include <math.h>
#include <string.h>

#include "gradients_tables.h"
#include "tiers.h"

#pragma clang attribute push(__attribute__((target(FPQ_TARGET_AVX512))), apply_to = function)
#define FPQ_TIER_SUFFIX _avx512
#include "gradients.inc"
#pragma clang attribute pop
#endif
