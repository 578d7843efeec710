// The reference: the definition in lowbit.h, an output and a group at a time.
#include <math.h>

#include "lowbit_layout.h"
#include "lowbit_tables.h"
#include "scratch.h"
#include "tiers.h"

#define FPQ_TIER_SUFFIX _scalar
#include "lowbit_quantize.inc"

#define MULTIPLY(NAME, CODE, OFFSET)                                                              \
  static void NAME(                                                                               \
      const fpq_packed *weight, const fpq_tokens *x, fpq_block block, const float *bias,          \
      float *y) {                                                                                 \
    size_t groups = groups_of(weight->inputs, weight->group);                                     \
    size_t stride = fpq_token_stride(weight->inputs, weight->group);                              \
    int8_t *integers = fpq_scratch(weight->group);                                                \
    for (size_t n = block.output; n < block.output + block.outputs; n++) {                        \
      for (size_t t = block.token; t < block.token + block.tokens; t++)                           \
        y[t * weight->outputs + n] = 0;                                                           \
      for (size_t g = 0; g < groups; g++) {                                                       \
        size_t first = g * weight->group;                                                         \
        size_t length = group_length(weight->inputs, weight->group, g);                           \
        int zero = weight_zero(weight, n, g);                                                     \
        for (size_t k = 0; k < length; k++)                                                       \
          integers[k] = (int8_t)weight_integer(weight, n, first + k, zero);                       \
        float scale = weight_scale(weight, n, g);                                                 \
        for (size_t t = block.token; t < block.token + block.tokens; t++) {                       \
          const CODE *codes = (const CODE *)x->codes + t * stride + g * padded(weight->group);    \
          int32_t dot = 0;                                                                        \
          for (size_t k = 0; k < length; k++) dot += (codes[k] - (OFFSET)) * integers[k];         \
          float both = x->per_group ? scale * x->scales[t * groups + g] : scale;                  \
          y[t * weight->outputs + n] = fmaf(both, (float)dot, y[t * weight->outputs + n]);        \
        }                                                                                         \
      }                                                                                           \
      for (size_t t = block.token; t < block.token + block.tokens; t++) {                         \
        float *sum = &y[t * weight->outputs + n];                                                 \
        if (!x->per_group) *sum *= x->scales[t];                                                  \
        if (weight->tensor_scale != 1) *sum *= weight->tensor_scale;                              \
        if (bias) *sum += bias[n];                                                                \
      }                                                                                           \
    }                                                                                             \
  }

MULTIPLY(multiply_u8, uint8_t, x->offset)
MULTIPLY(multiply_i16, int16_t, 0)

static void multiply_f32(
    const fpq_packed *weight, const float *x, fpq_block block, const float *bias, float *y) {
  float *row = fpq_scratch(weight->inputs * sizeof(float));
  for (size_t n = block.output; n < block.output + block.outputs; n++) {
    for (size_t k = 0; k < weight->inputs; k++) {
      size_t g = k / weight->group;
      int integer = weight_integer(weight, n, k, weight_zero(weight, n, g));
      row[k] = (float)integer * weight_scale(weight, n, g);
    }
    for (size_t t = block.token; t < block.token + block.tokens; t++) {
      float sum = 0;
      for (size_t k = 0; k < weight->inputs; k++)
        sum = fmaf(x[t * weight->inputs + k], row[k], sum);
      if (weight->tensor_scale != 1) sum *= weight->tensor_scale;
      y[t * weight->outputs + n] = bias ? sum + bias[n] : sum;
    }
  }
}

const fpq_lowbit_table fpq_lowbit_scalar = {
    quantize_u8_scalar, quantize_i16_scalar, quantize_f32_scalar,
    multiply_u8,        multiply_i16,        multiply_f32,
};
