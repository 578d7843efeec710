// The AVX-512 VNNI tier: sixteen outputs a vector, tiles of 6 tokens by 64 outputs.
#if defined(__x86_64__)
#include <immintrin.h>

#include "lowbit_layout.h"
#include "lowbit_tables.h"
#include "scratch.h"
#include "tiers.h"

#pragma clang attribute push(__attribute__((target(FPQ_TARGET_AVX512))), apply_to = function)
#define FPQ_TIER_SUFFIX _avx512
#define LANES 16
// 24 sums, four weights and an activation fill the 32 registers.
#define VECTORS 4
#define TALL 6

typedef __m512i ints;
typedef __m512 floats;

static inline ints load_ints(const void *p) { return _mm512_loadu_si512(p); }
static inline void store_ints(void *p, ints v) { _mm512_storeu_si512(p, v); }
static inline floats load_floats(const float *p) { return _mm512_loadu_ps(p); }
static inline void store_floats(float *p, floats v) { _mm512_storeu_ps(p, v); }
static inline ints all_ints(int32_t v) { return _mm512_set1_epi32(v); }
static inline floats all_floats(float v) { return _mm512_set1_ps(v); }
static inline floats add(floats a, floats b) { return _mm512_add_ps(a, b); }
static inline floats multiply(floats a, floats b) { return _mm512_mul_ps(a, b); }
static inline floats fused(floats a, floats b, floats sum) { return _mm512_fmadd_ps(a, b, sum); }
static inline floats to_floats(ints v) { return _mm512_cvtepi32_ps(v); }
static inline ints minus(ints a, ints b) { return _mm512_sub_epi32(a, b); }
static inline ints minus_bytes(ints a, ints b) { return _mm512_sub_epi8(a, b); }
static inline ints both(ints a, ints b) { return _mm512_and_si512(a, b); }
static inline ints either(ints a, ints b) { return _mm512_or_si512(a, b); }
static inline ints look_up(ints table, ints v) { return _mm512_shuffle_epi8(table, v); }
static inline floats from_halves(const uint16_t *p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256((const void *)p));
}
#define RIGHT16(v, n) _mm512_srli_epi16(v, n)
#define SIGNED_RIGHT16(v, n) _mm512_srai_epi16(v, n)
#define SIGNED_RIGHT32(v, n) _mm512_srai_epi32(v, n)
#define LEFT32(v, n) _mm512_slli_epi32(v, n)
#define UNPACK(part, v, w) _mm512_unpack##part(v, w)

/// The 16 bytes at `p` in every 128-bit part.
static inline ints all_parts(const void *p) {
  return _mm512_broadcast_i32x4(_mm_loadu_si128(p));
}

/// 16 bytes at `at` of rows[0], rows[4], rows[8] and rows[12], a 128-bit part each.
static inline ints load_parts(const uint8_t *const *rows, size_t at) {
  ints v = _mm512_castsi128_si512(_mm_loadu_si128((const void *)(rows[0] + at)));
  v = _mm512_inserti32x4(v, _mm_loadu_si128((const void *)(rows[4] + at)), 1);
  v = _mm512_inserti32x4(v, _mm_loadu_si128((const void *)(rows[8] + at)), 2);
  return _mm512_inserti32x4(v, _mm_loadu_si128((const void *)(rows[12] + at)), 3);
}

/// sum + four products of unsigned and signed bytes in each lane.
static inline ints dot_bytes(ints sum, ints activation, ints weight) {
  return _mm512_dpbusd_epi32(sum, activation, weight);
}

/// sum + two products of signed words in each lane.
static inline ints dot_words(ints sum, ints activation, ints weight) {
  return _mm512_dpwssd_epi32(sum, activation, weight);
}

#include "lowbit_quantize.inc"
#include "lowbit_unpack.inc"
#include "lowbit_multiply.inc"

const fpq_lowbit_table fpq_lowbit_avx512 = LOWBIT_TABLE;
#pragma clang attribute pop
#endif
