// How activations are stored, whatever the tier.
#include "include/lowbit.h"

#include "lowbit_layout.h"

int fpq_code_offset(fpq_activation format) { return format.is_unsigned ? 0 : 128; }

size_t fpq_token_stride(size_t inputs, size_t group) {
  size_t whole = inputs / group;
  return whole * padded(group) + padded(inputs - whole * group);
}
