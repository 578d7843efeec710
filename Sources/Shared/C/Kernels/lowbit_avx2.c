// The AVX2 tier: eight outputs a vector, tiles of 6 tokens by 16 outputs.
#if defined(__x86_64__)
#include <immintrin.h>

#include "lowbit_layout.h"
#include "lowbit_tables.h"
#include "scratch.h"
#include "tiers.h"

#pragma clang attribute push(__attribute__((target(FPQ_TARGET_AVX2))), apply_to = function)
#define FPQ_TIER_SUFFIX _avx2
#define LANES 8
// Twelve sums, two weights, an activation and the products in between fill the 16 registers.
#define VECTORS 2
#define TALL 6

typedef __m256i ints;
typedef __m256 floats;

static inline ints load_ints(const void *p) { return _mm256_loadu_si256(p); }
static inline void store_ints(void *p, ints v) { _mm256_storeu_si256(p, v); }
static inline floats load_floats(const float *p) { return _mm256_loadu_ps(p); }
static inline void store_floats(float *p, floats v) { _mm256_storeu_ps(p, v); }
static inline ints all_ints(int32_t v) { return _mm256_set1_epi32(v); }
static inline floats all_floats(float v) { return _mm256_set1_ps(v); }
static inline floats add(floats a, floats b) { return _mm256_add_ps(a, b); }
static inline floats multiply(floats a, floats b) { return _mm256_mul_ps(a, b); }
static inline floats fused(floats a, floats b, floats sum) { return _mm256_fmadd_ps(a, b, sum); }
static inline floats to_floats(ints v) { return _mm256_cvtepi32_ps(v); }
static inline ints minus(ints a, ints b) { return _mm256_sub_epi32(a, b); }
static inline ints minus_bytes(ints a, ints b) { return _mm256_sub_epi8(a, b); }
static inline ints both(ints a, ints b) { return _mm256_and_si256(a, b); }
static inline ints either(ints a, ints b) { return _mm256_or_si256(a, b); }
static inline ints look_up(ints table, ints v) { return _mm256_shuffle_epi8(table, v); }
static inline floats from_halves(const uint16_t *p) {
  return _mm256_cvtph_ps(_mm_loadu_si128((const void *)p));
}
#define RIGHT16(v, n) _mm256_srli_epi16(v, n)
#define SIGNED_RIGHT16(v, n) _mm256_srai_epi16(v, n)
#define SIGNED_RIGHT32(v, n) _mm256_srai_epi32(v, n)
#define LEFT32(v, n) _mm256_slli_epi32(v, n)
#define UNPACK(part, v, w) _mm256_unpack##part(v, w)

/// The 16 bytes at `p` in every 128-bit part.
static inline ints all_parts(const void *p) {
  return _mm256_broadcastsi128_si256(_mm_loadu_si128(p));
}

/// 16 bytes at `at` of rows[0] and rows[4], a 128-bit part each.
static inline ints load_parts(const uint8_t *const *rows, size_t at) {
  ints v = _mm256_castsi128_si256(_mm_loadu_si128((const void *)(rows[0] + at)));
  return _mm256_inserti128_si256(v, _mm_loadu_si128((const void *)(rows[4] + at)), 1);
}

/// sum + four products of unsigned and signed bytes in each lane.
///
/// vpmaddubsw saturates to 16 bits, but not here: two products of a byte and a 4-bit weight of at
/// most 64 stay within 2 * 255 * 64 = 32,640.
static inline ints dot_bytes(ints sum, ints activation, ints weight) {
  ints pairs = _mm256_maddubs_epi16(activation, weight);
  return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

/// sum + two products of signed words in each lane.
static inline ints dot_words(ints sum, ints activation, ints weight) {
  return _mm256_add_epi32(sum, _mm256_madd_epi16(activation, weight));
}

#include "lowbit_quantize.inc"
#include "lowbit_unpack.inc"
#include "lowbit_multiply.inc"

const fpq_lowbit_table fpq_lowbit_avx2 = LOWBIT_TABLE;
#pragma clang attribute pop
#endif
