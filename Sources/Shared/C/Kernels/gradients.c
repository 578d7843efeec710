// Dispatch: each public function calls the table of the tier in use.
#include "gradients_tables.h"

const fpq_gradients_table *fpq_gradients_of_tier(fpq_tier tier) {
  if (tier > fpq_tier_of_processor()) return NULL;
#if defined(__x86_64__)
  if (tier == FPQ_TIER_AVX512) return &fpq_gradients_avx512;
  if (tier == FPQ_TIER_AVX2) return &fpq_gradients_avx2;
#endif
  return &fpq_gradients_scalar;
}

static const fpq_gradients_table *table(void) {
  return fpq_gradients_of_tier(fpq_tier_in_use());
}

void fpq_gelu_tanh_gradient(size_t count, const float *x, const float *dy, float *dx) {
  table()->gelu_tanh(count, x, dy, dx);
}

void fpq_softmax_gradient(size_t rows, size_t columns, float scale, const float *p, float *dp) {
  table()->softmax(rows, columns, scale, p, dp);
}

void fpq_layer_norm_gradient(
    size_t rows, size_t columns, float eps, const float *scale, const float *x, const float *dy,
    float *dx, double *scale_sums, double *shift_sums) {
  table()->layer_norm(rows, columns, eps, scale, x, dy, dx, scale_sums, shift_sums);
}

void fpq_column_dots(
    size_t rows, size_t columns, const float *a, const float *b, double *sums) {
  table()->column_dots(rows, columns, a, b, sums);
}
