#include "CSentencePiece.h"

#include <sentencepiece_processor.h>

#include <algorithm>
#include <cstdio>
#include <string_view>
#include <vector>

struct fpq_sentencepiece {
  sentencepiece::SentencePieceProcessor processor;
};

fpq_sentencepiece *fpq_sentencepiece_load(const char *path, char *message, size_t capacity) {
  auto *model = new fpq_sentencepiece;
  const auto status = model->processor.Load(path);
  if (status.ok()) return model;
  snprintf(message, capacity, "%s", status.ToString().c_str());
  delete model;
  return nullptr;
}

void fpq_sentencepiece_free(fpq_sentencepiece *model) { delete model; }

int32_t fpq_sentencepiece_size(const fpq_sentencepiece *model) {
  return model->processor.GetPieceSize();
}

ptrdiff_t fpq_sentencepiece_encode(
    const fpq_sentencepiece *model, const char *text, size_t length, int32_t *ids,
    size_t capacity) {
  std::vector<int> pieces;
  if (!model->processor.Encode(std::string_view(text, length), &pieces).ok()) return -1;
  std::copy_n(pieces.begin(), std::min(pieces.size(), capacity), ids);
  return static_cast<ptrdiff_t>(pieces.size());
}
