#include "include/tier.h"

#include <stdlib.h>
#include <string.h>

fpq_tier fpq_tier_of_processor(void) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vnni"))
    return FPQ_TIER_AVX512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
      __builtin_cpu_supports("f16c"))
    return FPQ_TIER_AVX2;
#endif
  return FPQ_TIER_SCALAR;
}

fpq_tier fpq_tier_wanted(void) {
  fpq_tier best = fpq_tier_of_processor(), wanted = best;
  const char *asked = getenv("FPQ_TIER");
  if (!asked) return best;
  if (strcmp(asked, "scalar") == 0) wanted = FPQ_TIER_SCALAR;
  if (strcmp(asked, "avx2") == 0) wanted = FPQ_TIER_AVX2;
  return wanted < best ? wanted : best;
}
