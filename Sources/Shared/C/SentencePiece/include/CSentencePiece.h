// A C face of the SentencePiece library: load a model, turn UTF-8 text into piece ids.
//
// No C++ exception leaves these functions, and a damaged model file is refused when it is loaded.
#ifndef CSENTENCEPIECE_H
#define CSENTENCEPIECE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fpq_sentencepiece fpq_sentencepiece;

/// Loads the `length` bytes of a `spiece.model`. Returns NULL and writes a message of at most
/// `capacity` bytes, the closing NUL included, on failure.
fpq_sentencepiece *fpq_sentencepiece_load(
    const void *bytes, size_t length, char *message, size_t capacity);
void fpq_sentencepiece_free(fpq_sentencepiece *model);
int32_t fpq_sentencepiece_size(const fpq_sentencepiece *model);

/// The id of the piece that reads exactly `piece`, or -1.
int32_t fpq_sentencepiece_find(const fpq_sentencepiece *model, const char *piece);

/// Encodes `length` bytes of UTF-8. Writes at most `capacity` ids; returns how many there are, or
/// -1.
ptrdiff_t fpq_sentencepiece_encode(
    const fpq_sentencepiece *model, const char *text, size_t length, int32_t *ids,
    size_t capacity);

#ifdef __cplusplus
}
#endif

#endif
