// The `_scalar` twin of every kernel, compiled for the baseline processor.
#include "rounding_table.h"
#include "tiers.h"

#define FPQ_TIER_SUFFIX _scalar
#include "rounding.inc"
