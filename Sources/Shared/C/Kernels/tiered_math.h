// Arithmetic the tiers share: each `.inc` file includes this under its own suffix.
#ifndef FPQ_TIERED_MATH_H
#define FPQ_TIERED_MATH_H

#include <stdint.h>

#define LANES 16

/// Adds sixteen partial sums pairwise: the order every tier shares.
static inline float TIERED(lane_sum)(float *lane) {
  for (int width = LANES / 2; width > 0; width /= 2)
    for (int i = 0; i < width; i++) lane[i] += lane[i + width];
  return lane[0];
}

/// exp(x) to about 1 ulp (Cephes' polynomial); 0 below -87.3, saturates above 88.
static inline float TIERED(exponential)(float x) {
  float clamped = x < -87.3f ? -87.3f : x;
  clamped = clamped > 88.0f ? 88.0f : clamped;
  // Adding 1.5 * 2^23 rounds to an integer, to even on ties.
  float n = (clamped * 1.44269504088896341f + 12582912.0f) - 12582912.0f;
  float r = clamped - n * 0.693359375f;
  r = r - n * -2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  float y = p * (r * r) + r + 1.0f;
  int32_t bits = ((int32_t)n + 127) << 23;
  float power;
  memcpy(&power, &bits, sizeof power);
  // A NaN compares false and passes through; the cut keeps exp(-inf) exactly 0.
  return x < -87.3f ? 0.0f : y * power;
}

static inline float TIERED(sigmoid)(float x) {
  return 1.0f / (1.0f + TIERED(exponential)(-x));
}

/// The mean of a row and 1 / sqrt(variance + eps), with the biased variance.
static inline void TIERED(row_moments)(
    size_t columns, float eps, const float *x, float *mean, float *reciprocal) {
  float lane[LANES] = {0};
  size_t whole = columns / LANES * LANES;
  for (size_t c = 0; c < whole; c += LANES)
    for (int i = 0; i < LANES; i++) lane[i] += x[c + i];
  for (size_t c = whole; c < columns; c++) lane[c - whole] += x[c];
  float m = TIERED(lane_sum)(lane) / (float)columns;
  memset(lane, 0, sizeof lane);
  for (size_t c = 0; c < whole; c += LANES)
    for (int i = 0; i < LANES; i++) lane[i] += (x[c + i] - m) * (x[c + i] - m);
  for (size_t c = whole; c < columns; c++) lane[c - whole] += (x[c] - m) * (x[c] - m);
  *mean = m;
  *reciprocal = 1.0f / sqrtf(TIERED(lane_sum)(lane) / (float)columns + eps);
}

#endif
