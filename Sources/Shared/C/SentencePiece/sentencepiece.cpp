#include "CSentencePiece.h"

#include <sentencepiece_processor.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <memory>
#include <string_view>
#include <vector>

#include "charsmap.h"

struct fpq_sentencepiece {
  sentencepiece::SentencePieceProcessor processor;
};

fpq_sentencepiece *fpq_sentencepiece_load(
    const void *bytes, size_t length, char *message, size_t capacity) {
  try {
    const std::string_view serialized(static_cast<const char *>(bytes), length);
    auto model = std::make_unique<fpq_sentencepiece>();
    if (!charsmaps_are_sound(serialized)) {
      snprintf(message, capacity, "damaged model or normalization table");
      return nullptr;
    }
    const auto status = model->processor.LoadFromSerializedProto(serialized);
    if (status.ok()) return model.release();
    // A message that is a place in the library's source means nothing to a user.
    const bool place = std::string_view(status.error_message()).substr(0, 2) == "./";
    snprintf(message, capacity, "%s", place ? "damaged model" : status.error_message());
  } catch (const std::exception &error) {
    snprintf(message, capacity, "%s", error.what());
  }
  return nullptr;
}

void fpq_sentencepiece_free(fpq_sentencepiece *model) { delete model; }

int32_t fpq_sentencepiece_size(const fpq_sentencepiece *model) {
  return model->processor.GetPieceSize();
}

int32_t fpq_sentencepiece_find(const fpq_sentencepiece *model, const char *piece) {
  try {
    const int id = model->processor.PieceToId(piece);
    // The library answers with the unknown piece for one that it does not have.
    return model->processor.IdToPiece(id) == piece ? id : -1;
  } catch (const std::exception &) {
    return -1;
  }
}

ptrdiff_t fpq_sentencepiece_encode(
    const fpq_sentencepiece *model, const char *text, size_t length, int32_t *ids,
    size_t capacity) {
  try {
    std::vector<int> pieces;
    if (!model->processor.Encode(std::string_view(text, length), &pieces).ok()) return -1;
    std::copy_n(pieces.begin(), std::min(pieces.size(), capacity), ids);
    return static_cast<ptrdiff_t>(pieces.size());
  } catch (const std::exception &) {
    return -1;
  }
}
