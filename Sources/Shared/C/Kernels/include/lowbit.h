// Products of 4-bit weights with quantized or float activations, and the quantizer of the
// activations.
//
// The definition, bit for bit on every tier and number of threads:
//   y[t][n] = bias[n] + sum over groups g, ascending from 0, by
//             sum = fma(weightScale[n][g] * tokenScale[t][g], float(dot[t][n][g]), sum)
// where dot is the exact integer product of the group. With one scale per token the step is
// fma(weightScale[n][g], float(dot), sum) and the finished sum is multiplied by tokenScale[t]. The
// finished sum is multiplied by the weight's own tensorScale unless that is 1. Then the bias is
// added; without one nothing is.
//
// A dot never overflows: |weight| <= 64, |activation| <= 1984 and a group has at most 16384
// elements, so |dot| <= 64 * 1984 * 16384 = 2,080,374,784 < 2^31. The partial sums of codes + 128
// that the u8 product forms are at most 64 * 255 * 16384, far less.
#ifndef FPQ_LOWBIT_H
#define FPQ_LOWBIT_H

#include <stddef.h>
#include <stdint.h>

/// The longest group (the shorter of group size and inputs) for which a dot fits 32 bits.
#define FPQ_LONGEST_GROUP 16384

/// Low-bit weights as they lie in the file. Any pointer may be unaligned.
typedef struct {
  /// 4-bit codes [outputs][(inputs + 1) / 2]; the low nibble is the even input. NULL when integers
  /// are given.
  const uint8_t *codes;
  /// Formats of more bits, decoded: [outputs][inputs], -64...64. NULL when codes are given.
  const int8_t *integers;
  /// F16 [outputs][groups]; any sign.
  const uint8_t *scales;
  /// [outputs][groups], subtracted from the decoded code; NULL when there are none.
  const uint8_t *zeros;
  /// The integer of each code, -64...64.
  int8_t codebook[16];
  size_t outputs, inputs;
  /// Inputs per scale; the last group may be shorter.
  size_t group;
  /// A scale of the whole weight.
  float tensor_scale;
} fpq_packed;

/// How activations become codes: the nearest of the integers of a format, ties to the even code.
typedef struct {
  /// Y of eXmY, at least 1; 22 for integer formats, whose step is 1 throughout.
  int mantissa;
  /// The largest integer of the format, which the absolute maximum is mapped to.
  float max;
  /// Nonzero: a scale per token and group; zero: a scale per token.
  int per_group;
  /// Nonzero: the format has no sign, and values below zero become 0.
  int is_unsigned;
  /// More than 0: the scale, found beforehand, instead of absmax / max; larger values saturate.
  float fixed_scale;
} fpq_activation;

/// Quantized activations. `codes` is [tokens][fpq_token_stride]: u8 (code + offset) or i16.
typedef struct {
  const void *codes;
  /// [tokens][groups], or [tokens] unless per_group.
  const float *scales;
  int per_group;
  /// What was added to each u8 code: 128, or 0 for formats without a sign.
  int offset;
} fpq_tokens;

/// The part of y [tokens][outputs] that a call computes.
typedef struct {
  size_t token, tokens, output, outputs;
} fpq_block;

/// What quantize_u8 adds to the codes of `format`.
int fpq_code_offset(fpq_activation format);

/// Codes per token: every group is padded to a multiple of four with the code of zero.
size_t fpq_token_stride(size_t inputs, size_t group);

#endif
