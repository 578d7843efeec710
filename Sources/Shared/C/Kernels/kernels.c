// Dispatch: each public function calls the table of the tier in use.
#include "include/kernels.h"

#include <stdatomic.h>

#include "tiers.h"

const fpq_kernels *fpq_kernels_of_tier(fpq_tier tier) {
  if (tier > fpq_tier_of_processor()) return NULL;
#if defined(__x86_64__)
  if (tier == FPQ_TIER_AVX512) return &fpq_kernels_avx512;
  if (tier == FPQ_TIER_AVX2) return &fpq_kernels_avx2;
#endif
  return &fpq_kernels_scalar;
}

/// The table in use; NULL before the first call. Threads that come first at once decide alike.
static _Atomic(const fpq_kernels *) in_use;

static __attribute__((noinline)) const fpq_kernels *decide(void) {
  const fpq_kernels *table = fpq_kernels_of_tier(fpq_tier_wanted());
  atomic_store_explicit(&in_use, table, memory_order_relaxed);
  return table;
}

static inline const fpq_kernels *kernels(void) {
  const fpq_kernels *table = atomic_load_explicit(&in_use, memory_order_relaxed);
  return table ? table : decide();
}

#define FPQ_KERNEL(returned, name, parameters, arguments) \
  returned fpq_##name parameters { return kernels()->name arguments; }
#include "kernels.def"
