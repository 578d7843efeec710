// Dispatch: each public function calls the table of the tier in use.
#include "elementwise_tables.h"

const fpq_elementwise_table *fpq_elementwise_of_tier(fpq_tier tier) {
  if (tier > fpq_tier_of_processor()) return NULL;
#if defined(__x86_64__)
  if (tier == FPQ_TIER_AVX512) return &fpq_elementwise_avx512;
  if (tier == FPQ_TIER_AVX2) return &fpq_elementwise_avx2;
#endif
  return &fpq_elementwise_scalar;
}

static const fpq_elementwise_table *table(void) {
  return fpq_elementwise_of_tier(fpq_tier_in_use());
}

void fpq_half_to_float(size_t count, const uint16_t *x, float *y) {
  table()->half_to_float(count, x, y);
}

void fpq_bfloat16_to_float(size_t count, const uint16_t *x, float *y) {
  table()->bfloat16_to_float(count, x, y);
}

void fpq_gelu_tanh(size_t count, const float *x, float *y) { table()->gelu_tanh(count, x, y); }

void fpq_silu(size_t count, const float *x, float *y) { table()->silu(count, x, y); }

void fpq_multiply(size_t count, const float *a, const float *b, float *y) {
  table()->multiply(count, a, b, y);
}

void fpq_add_bias(size_t rows, size_t columns, const float *bias, float *x) {
  table()->add_bias(rows, columns, bias, x);
}

void fpq_add_residual(size_t rows, size_t columns, const float *gate, const float *y, float *x) {
  table()->add_residual(rows, columns, gate, y, x);
}

void fpq_scale_shift(
    size_t rows, size_t columns, const float *scale, const float *shift, const float *x, float *y) {
  table()->scale_shift(rows, columns, scale, shift, x, y);
}

void fpq_hadamard(size_t count, size_t block, float *x) { table()->hadamard(count, block, x); }

void fpq_layer_norm(
    size_t rows, size_t columns, float eps, const float *scale, const float *shift, const float *x,
    float *y) {
  table()->layer_norm(rows, columns, eps, scale, shift, x, y);
}

void fpq_rms_norm(
    size_t rows, size_t columns, float eps, const float *weight, const float *x, float *y) {
  table()->rms_norm(rows, columns, eps, weight, x, y);
}

void fpq_softmax(
    size_t rows, size_t columns, size_t stride, float scale, const float *bias, float *x) {
  table()->softmax(rows, columns, stride, scale, bias, x);
}

void fpq_column_sums(
    size_t rows, size_t columns, const float *x, double *sums, double *squares) {
  table()->column_sums(rows, columns, x, sums, squares);
}
