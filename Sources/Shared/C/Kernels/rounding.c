// Dispatch: each public function calls the table of the tier in use.
#include "include/tier.h"
#include "rounding_table.h"

static const fpq_rounding_table *table(void) {
#if defined(__x86_64__)
  switch (fpq_tier_in_use()) {
    case FPQ_TIER_AVX512: return &fpq_rounding_avx512;
    case FPQ_TIER_AVX2: return &fpq_rounding_avx2;
    case FPQ_TIER_SCALAR: break;
  }
#endif
  return &fpq_rounding_scalar;
}

void fpq_grid_residual(size_t count, fpq_grid grid, const float *w, float *e) {
  table()->grid_residual(count, grid, w, e);
}

float fpq_grid_error(size_t count, fpq_grid grid, const float *w, const float *importance) {
  return table()->grid_error(count, grid, w, importance);
}

void fpq_feedback_row(
    size_t count, const fpq_grid *grids, const uint32_t *group, const float *factor, size_t stride,
    const float *w, float *target, float *level, float *residual) {
  table()->feedback_row(count, grids, group, factor, stride, w, target, level, residual);
}

size_t fpq_descend_row(
    size_t count, const fpq_grid *grids, const uint32_t *group, const float *hessian, size_t stride,
    float bar, float *level, float *gradient, float *change) {
  return table()->descend_row(
      count, grids, group, hessian, stride, bar, level, gradient, change);
}

void fpq_soft_weights(
    size_t count, fpq_soft_group group, const float *v, const float *base, const float *step,
    float *soft) {
  table()->soft_weights(count, group, v, base, step, soft);
}

float fpq_soft_gradient(
    size_t count, fpq_soft_group group, float weight, float regulariser, float beta, const float *v,
    const float *base, const float *step, float *gradient) {
  return table()->soft_gradient(
      count, group, weight, regulariser, beta, v, base, step, gradient);
}

void fpq_adam(
    size_t count, float rate, float correction1, float correction2, const float *gradient,
    float *v, float *first, float *second) {
  table()->adam(count, rate, correction1, correction2, gradient, v, first, second);
}

void fpq_gemm_f64(
    size_t m, size_t n, size_t k, const double *a, size_t lda, const double *b, size_t ldb,
    double beta, double *c, size_t ldc) {
  table()->gemm_f64(m, n, k, a, lda, b, ldb, beta, c, ldc);
}
