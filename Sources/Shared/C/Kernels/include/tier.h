// Which instruction set the kernels use.
#ifndef FPQ_TIER_H
#define FPQ_TIER_H

typedef enum { FPQ_TIER_SCALAR = 0, FPQ_TIER_AVX2 = 1, FPQ_TIER_AVX512 = 2 } fpq_tier;

/// The tier in use: the best this processor has, or a lower one that the environment variable FPQ_TIER
/// (scalar, avx2, avx512) asks for. Decided at the first call.
fpq_tier fpq_tier_in_use(void);

/// The best tier of this processor, whatever FPQ_TIER says.
fpq_tier fpq_tier_of_processor(void);

#endif
