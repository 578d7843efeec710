// The functions that rounding.inc defines once per tier.
#ifndef FPQ_ROUNDING_TABLE_H
#define FPQ_ROUNDING_TABLE_H

#include "include/rounding.h"

typedef struct {
  __typeof__(fpq_grid_residual) *grid_residual;
  __typeof__(fpq_grid_error) *grid_error;
  __typeof__(fpq_feedback_row) *feedback_row;
  __typeof__(fpq_descend_row) *descend_row;
  __typeof__(fpq_soft_weights) *soft_weights;
  __typeof__(fpq_soft_gradient) *soft_gradient;
  __typeof__(fpq_adam) *adam;
  __typeof__(fpq_gemm_f64) *gemm_f64;
} fpq_rounding_table;

extern const fpq_rounding_table fpq_rounding_scalar;
#if defined(__x86_64__)
extern const fpq_rounding_table fpq_rounding_avx2, fpq_rounding_avx512;
#endif

#endif
