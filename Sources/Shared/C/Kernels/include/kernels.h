// The kernels of kernels.def: as functions, which use the best tier, and as a table per tier.
#ifndef FPQ_KERNELS_H
#define FPQ_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "lowbit.h"
#include "rounding.h"
#include "tier.h"

#define FPQ_KERNEL(returned, name, parameters, arguments) returned fpq_##name parameters;
#include "../kernels.def"

/// The kernels of one tier.
typedef struct {
#define FPQ_KERNEL(returned, name, parameters, arguments) returned(*name) parameters;
#include "../kernels.def"
} fpq_kernels;

/// The kernels of `tier`, NULL when this processor lacks it.
const fpq_kernels *fpq_kernels_of_tier(fpq_tier tier);

#endif
