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

fpq_tier fpq_tier_in_use(void) {
  static _Atomic int decided = -1;
  int tier = decided;
  if (tier >= 0) return (fpq_tier)tier;
  tier = fpq_tier_of_processor();
  const char *asked = getenv("FPQ_TIER");
  if (asked) {
    int wanted = tier;
    if (strcmp(asked, "scalar") == 0) wanted = FPQ_TIER_SCALAR;
    if (strcmp(asked, "avx2") == 0) wanted = FPQ_TIER_AVX2;
    if (wanted < tier) tier = wanted;
  }
  decided = tier;
  return (fpq_tier)tier;
}
