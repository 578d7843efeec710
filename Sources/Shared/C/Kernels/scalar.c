// Every kernel for the baseline processor.
#include <math.h>
#include <string.h>

#include "lowbit_layout.h"
#include "scratch.h"
#include "tiers.h"

#define FPQ_TIER_SUFFIX _scalar
#include "lowbit_scalar.inc"
#include "tier.inc"
