// Dispatch: each public function calls the table of the tier in use.
#include "include/lowbit.h"

#include "lowbit_layout.h"
#include "lowbit_tables.h"

const fpq_lowbit_table *fpq_lowbit_of_tier(fpq_tier tier) {
  if (tier > fpq_tier_of_processor()) return NULL;
#if defined(__x86_64__)
  if (tier == FPQ_TIER_AVX512) return &fpq_lowbit_avx512;
  if (tier == FPQ_TIER_AVX2) return &fpq_lowbit_avx2;
#endif
  return &fpq_lowbit_scalar;
}

static const fpq_lowbit_table *table(void) { return fpq_lowbit_of_tier(fpq_tier_in_use()); }

int fpq_code_offset(fpq_activation format) { return format.is_unsigned ? 0 : 128; }

size_t fpq_token_stride(size_t inputs, size_t group) {
  size_t whole = inputs / group;
  return whole * padded(group) + padded(inputs - whole * group);
}

void fpq_quantize_u8(
    fpq_activation format, size_t tokens, size_t inputs, size_t group, const float *x,
    uint8_t *codes, float *scales) {
  table()->quantize_u8(format, tokens, inputs, group, x, codes, scales);
}

void fpq_quantize_i16(
    fpq_activation format, size_t tokens, size_t inputs, size_t group, const float *x,
    int16_t *codes, float *scales) {
  table()->quantize_i16(format, tokens, inputs, group, x, codes, scales);
}

void fpq_quantize_f32(
    fpq_activation format, size_t tokens, size_t inputs, size_t group, const float *x, float *y) {
  table()->quantize_f32(format, tokens, inputs, group, x, y);
}

void fpq_multiply_u8(
    const fpq_packed *weight, const fpq_tokens *x, fpq_block block, const float *bias, float *y) {
  table()->multiply_u8(weight, x, block, bias, y);
}

void fpq_multiply_i16(
    const fpq_packed *weight, const fpq_tokens *x, fpq_block block, const float *bias, float *y) {
  table()->multiply_i16(weight, x, block, bias, y);
}

void fpq_multiply_f32(
    const fpq_packed *weight, const float *x, fpq_block block, const float *bias, float *y) {
  table()->multiply_f32(weight, x, block, bias, y);
}
