// Checks a model's normalization table, which SentencePiece 0.1.97 follows without looking at
// bounds.
#ifndef FPQ_CHARSMAP_H
#define FPQ_CHARSMAP_H

#include <string_view>

/// True when no text can lead SentencePiece outside the normalization tables of the serialized
/// `model`.
bool charsmaps_are_sound(std::string_view model);

#endif
