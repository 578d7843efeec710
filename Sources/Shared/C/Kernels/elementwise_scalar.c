// The `_scalar` twin of every kernel, compiled for the baseline processor.
#include "elementwise_tables.h"
#include "tiers.h"

#define FPQ_TIER_SUFFIX _scalar
#include "elementwise.inc"
