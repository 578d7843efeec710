// Where groups lie in weights and tokens: shared by all tiers.
#ifndef FPQ_LOWBIT_LAYOUT_H
#define FPQ_LOWBIT_LAYOUT_H

#include <string.h>

#include "include/lowbit.h"

static inline size_t groups_of(size_t inputs, size_t group) { return (inputs - 1) / group + 1; }

/// Inputs of group `g`, fewer in the last.
static inline size_t group_length(size_t inputs, size_t group, size_t g) {
  size_t left = inputs - g * group;
  return left < group ? left : group;
}

static inline size_t padded(size_t length) { return (length + 3) / 4 * 4; }

/// The integer of weight [n][k], whose group has zero point `zero`.
static inline int weight_integer(const fpq_packed *weight, size_t n, size_t k, int zero) {
  if (weight->integers) return weight->integers[n * weight->inputs + k];
  uint8_t pair = weight->codes[n * (weight->inputs / 2 + weight->inputs % 2) + k / 2];
  return weight->codebook[k % 2 ? pair >> 4 : pair & 15] - zero;
}

static inline int weight_zero(const fpq_packed *weight, size_t n, size_t g) {
  return weight->zeros ? weight->zeros[n * groups_of(weight->inputs, weight->group) + g] : 0;
}

/// The scale of group `g` of output `n`, exact in f32.
static inline float weight_scale(const fpq_packed *weight, size_t n, size_t g) {
  uint16_t half;
  memcpy(&half, weight->scales + 2 * (n * groups_of(weight->inputs, weight->group) + g), 2);
  uint32_t bits = (uint32_t)(half & 0x7fff) << 13 | (uint32_t)(half & 0x8000) << 16;
  float value;
  memcpy(&value, &bits, 4);
  // Scales are finite, so moving the exponent is all there is to do.
  return value * 0x1p112f;
}

#endif
