// The loops that need SIMD, each with one definition of its result; kernels.def lists them.
//
// Every kernel exists in three tiers (scalar, AVX2, AVX-512), chosen once at run time; the tiers
// give the same bits. Elementwise code reaches that by compiling one source three times with
// contraction off; sums use sixteen partial sums in a fixed order; low-bit products are exact in
// integers.
#ifndef CKERNELS_H
#define CKERNELS_H

#include "kernels.h"
#include "lowbit.h"
#include "rounding.h"
#include "tier.h"

#endif
