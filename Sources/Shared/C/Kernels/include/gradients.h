// Gradients of the loops in elementwise.h, on f32 rows. All arrays are row-major and contiguous; dy is the
// gradient of a loss by the loop's output, dx the one by its input. Sums over rows are added to f64 arrays.
#ifndef FPQ_GRADIENTS_H
#define FPQ_GRADIENTS_H

#include <stddef.h>

#include "tier.h"

/// dx[i] = dy[i] * GELU'(x[i]) of the tanh form. With u = sqrt(2/pi) (x + .044715 x^3) and s = sigmoid(2u):
/// GELU' = s + 2 x s (1 - s) u'. dx may be dy.
void fpq_gelu_tanh_gradient(size_t count, const float *x, const float *dy, float *dx);

/// For p = softmax(scale * x + bias) over each row: dx = scale * p * (dp - sum(p * dp)), in place of dp.
void fpq_softmax_gradient(size_t rows, size_t columns, float scale, const float *p, float *dp);

/// For y = n * scale[c] + shift[c] with n = (x - mean) / sqrt(variance + eps) of each row: with g = dy * scale,
/// dx = (g - mean(g) - n * mean(g * n)) / sqrt(variance + eps).
/// scale_sums[c] += sum over rows of dy * n and shift_sums[c] += sum of dy, unless they are NULL (both or neither).
void fpq_layer_norm_gradient(
    size_t rows, size_t columns, float eps, const float *scale, const float *x, const float *dy,
    float *dx, double *scale_sums, double *shift_sums);

/// sums[c] += sum over rows of a[row][c] * b[row][c]; b may be NULL (then 1).
void fpq_column_dots(
    size_t rows, size_t columns, const float *a, const float *b, double *sums);

/// The functions of one tier.
typedef struct {
  __typeof__(fpq_gelu_tanh_gradient) *gelu_tanh;
  __typeof__(fpq_softmax_gradient) *softmax;
  __typeof__(fpq_layer_norm_gradient) *layer_norm;
  __typeof__(fpq_column_dots) *column_dots;
} fpq_gradients_table;

/// The table of `tier`, NULL when this processor lacks it.
const fpq_gradients_table *fpq_gradients_of_tier(fpq_tier tier);

#endif
