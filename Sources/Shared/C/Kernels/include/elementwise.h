// Activations, norms, softmax and residuals on f32 rows. All arrays are row-major and contiguous.
#ifndef FPQ_ELEMENTWISE_H
#define FPQ_ELEMENTWISE_H

#include <stddef.h>
#include <stdint.h>

#include "tier.h"

/// y[i] = float of an IEEE half / bfloat16 bit pattern.
void fpq_half_to_float(size_t count, const uint16_t *x, float *y);
void fpq_bfloat16_to_float(size_t count, const uint16_t *x, float *y);

/// y[i] = GELU(x[i]), tanh form: .5 x (1 + tanh(sqrt(2/pi) (x + .044715 x^3))). x may be y.
void fpq_gelu_tanh(size_t count, const float *x, float *y);
/// y[i] = x[i] / (1 + exp(-x[i])). x may be y.
void fpq_silu(size_t count, const float *x, float *y);
/// y[i] = a[i] * b[i].
void fpq_multiply(size_t count, const float *a, const float *b, float *y);

/// x[row][c] += bias[c].
void fpq_add_bias(size_t rows, size_t columns, const float *bias, float *x);
/// x[row][c] = gate[c] * y[row][c] + x[row][c]; gate may be NULL (then 1).
void fpq_add_residual(size_t rows, size_t columns, const float *gate, const float *y, float *x);
/// y[row][c] = x[row][c] * scale[c] + shift[c]; shift may be NULL (then nothing is added).
void fpq_scale_shift(
    size_t rows, size_t columns, const float *scale, const float *shift, const float *x, float *y);

/// Replaces each block of `block` values by its orthonormal Walsh-Hadamard transform (Sylvester's order), its own inverse;
/// block is a power of two that divides count.
void fpq_hadamard(size_t count, size_t block, float *x);

/// y = (x - mean) / sqrt(variance + eps) * scale[c] + shift[c] over each row (biased variance).
void fpq_layer_norm(
    size_t rows, size_t columns, float eps, const float *scale, const float *shift, const float *x,
    float *y);
/// y = x / sqrt(mean(x^2) + eps) * weight[c] over each row.
void fpq_rms_norm(
    size_t rows, size_t columns, float eps, const float *weight, const float *x, float *y);
/// x[row] = softmax(scale * x[row] + bias), in place; bias [columns] may be NULL. `stride` floats a row.
void fpq_softmax(
    size_t rows, size_t columns, size_t stride, float scale, const float *bias, float *x);

/// sums[c] += sum over rows of x, squares[c] += sum of x^2, in f64.
void fpq_column_sums(
    size_t rows, size_t columns, const float *x, double *sums, double *squares);

/// The functions of one tier.
typedef struct {
  __typeof__(fpq_half_to_float) *half_to_float;
  __typeof__(fpq_bfloat16_to_float) *bfloat16_to_float;
  __typeof__(fpq_gelu_tanh) *gelu_tanh;
  __typeof__(fpq_silu) *silu;
  __typeof__(fpq_multiply) *multiply;
  __typeof__(fpq_add_bias) *add_bias;
  __typeof__(fpq_add_residual) *add_residual;
  __typeof__(fpq_scale_shift) *scale_shift;
  __typeof__(fpq_hadamard) *hadamard;
  __typeof__(fpq_layer_norm) *layer_norm;
  __typeof__(fpq_rms_norm) *rms_norm;
  __typeof__(fpq_softmax) *softmax;
  __typeof__(fpq_column_sums) *column_sums;
} fpq_elementwise_table;

/// The table of `tier`, NULL when this processor lacks it.
const fpq_elementwise_table *fpq_elementwise_of_tier(fpq_tier tier);

#endif
