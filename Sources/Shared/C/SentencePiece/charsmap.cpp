#include "charsmap.h"

#include <cstdint>
#include <cstring>
#include <vector>

namespace {

/// One field of a serialized protobuf message (protobuf.dev, "Encoding").
struct Field {
  uint64_t number = 0;
  std::string_view bytes;
};

bool read_varint(std::string_view &rest, uint64_t &value) {
  value = 0;
  for (int shift = 0; shift < 64 && !rest.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(rest.front());
    rest.remove_prefix(1);
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

/// Takes the first field off `rest`; false when it is malformed. Only length-delimited fields get
/// bytes.
bool read_field(std::string_view &rest, Field &field) {
  uint64_t key, length = 0;
  field.bytes = {};
  if (!read_varint(rest, key)) return false;
  field.number = key >> 3;
  switch (key & 7) {
    case 0: return read_varint(rest, length);
    case 1: length = 8; break;
    case 2:
      if (!read_varint(rest, length) || length > rest.size()) return false;
      field.bytes = rest.substr(0, length);
      break;
    case 5: length = 4; break;
    default: return false;
  }
  if (length > rest.size()) return false;
  rest.remove_prefix(length);
  return true;
}

/// A blob is u32 trie size, trie (a darts-clone double array of u32 units), then NUL-terminated
/// replacements.
bool charsmap_is_sound(std::string_view blob) {
  if (blob.empty()) return true;
  uint32_t size;
  if (blob.size() <= sizeof size) return false;
  memcpy(&size, blob.data(), sizeof size);
  blob.remove_prefix(sizeof size);
  if (size >= blob.size() || size < sizeof(uint32_t) || size % sizeof(uint32_t) != 0) return false;
  std::vector<uint32_t> units(size / sizeof(uint32_t));
  memcpy(units.data(), blob.data(), size);
  const auto replacements = blob.substr(size);
  if (replacements.back() != '\0') return false;

  const auto children_of = [&](size_t node) {
    const uint32_t unit = units[node];
    return node ^ (static_cast<size_t>(unit >> 10) << ((unit & 0x200u) >> 6));
  };
  std::vector<bool> seen(units.size());
  std::vector<size_t> open = {0};
  seen[0] = true;
  while (!open.empty()) {
    const size_t node = open.back();
    const size_t base = children_of(node);
    open.pop_back();
    if ((base | 0xff) >= units.size()) return false;
    const bool has_value = (units[node] >> 8 & 1) != 0;
    if (has_value && (units[base] & 0x7fffffffu) >= replacements.size()) return false;
    for (size_t byte = 0; byte < 256; byte++) {
      const size_t child = base ^ byte;
      if ((units[child] & 0x800000ffu) != byte || seen[child]) continue;
      seen[child] = true;
      open.push_back(child);
    }
  }
  return true;
}

}  // namespace

bool charsmaps_are_sound(std::string_view model) {
  // ModelProto: 3 normalizer_spec, 5 denormalizer_spec. NormalizerSpec: 2 precompiled_charsmap.
  for (Field outer; !model.empty();) {
    if (!read_field(model, outer)) return false;
    if (outer.number != 3 && outer.number != 5) continue;
    for (Field inner; !outer.bytes.empty();) {
      if (!read_field(outer.bytes, inner)) return false;
      if (inner.number == 2 && !charsmap_is_sound(inner.bytes)) return false;
    }
  }
  return true;
}
