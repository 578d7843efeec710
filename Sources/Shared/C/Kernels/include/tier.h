// Which instruction set the kernels use.
#ifndef FPQ_TIER_H
#define FPQ_TIER_H

typedef enum { FPQ_TIER_SCALAR = 0, FPQ_TIER_AVX2 = 1, FPQ_TIER_AVX512 = 2 } fpq_tier;

/// The best tier of this processor, whatever FPQ_TIER says.
fpq_tier fpq_tier_of_processor(void);

/// The best tier of this processor, or a lower one that the environment variable FPQ_TIER
/// (scalar, avx2, avx512) asks for. Kernels ask once, at the first call of one.
fpq_tier fpq_tier_wanted(void);

#endif
