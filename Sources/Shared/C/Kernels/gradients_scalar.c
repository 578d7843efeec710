// The `_scalar` twin of every kernel, compiled for the baseline processor.
#include "gradients_tables.h"
#include "tiers.h"

#define FPQ_TIER_SUFFIX _scalar
#include "gradients.inc"
