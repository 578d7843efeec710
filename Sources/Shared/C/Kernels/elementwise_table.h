// The functions that elementwise.inc defines once per tier.
#ifndef FPQ_ELEMENTWISE_TABLE_H
#define FPQ_ELEMENTWISE_TABLE_H

#include "include/elementwise.h"

typedef struct {
  __typeof__(fpq_half_to_float) *half_to_float;
  __typeof__(fpq_bfloat16_to_float) *bfloat16_to_float;
  __typeof__(fpq_gelu_tanh) *gelu_tanh;
  __typeof__(fpq_silu) *silu;
  __typeof__(fpq_multiply) *multiply;
  __typeof__(fpq_add_bias) *add_bias;
  __typeof__(fpq_add_residual) *add_residual;
  __typeof__(fpq_scale_shift) *scale_shift;
  __typeof__(fpq_layer_norm) *layer_norm;
  __typeof__(fpq_rms_norm) *rms_norm;
  __typeof__(fpq_softmax) *softmax;
  __typeof__(fpq_column_sums) *column_sums;
} fpq_elementwise_table;

extern const fpq_elementwise_table fpq_elementwise_scalar;
#if defined(__x86_64__)
extern const fpq_elementwise_table fpq_elementwise_avx2, fpq_elementwise_avx512;
#endif

#endif
