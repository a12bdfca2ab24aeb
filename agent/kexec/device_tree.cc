// SPDX-License-Identifier: Apache-2.0
#include "agent/kexec/device_tree.h"

#include <endian.h>
#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <cstring>

namespace lk::agent {
namespace {

constexpr uint32_t kTreeMagic = 0xd00dfeed, kTreeVersion = 17, kCompatibleVersion = 16;
constexpr uint32_t kBeginNode = 1, kEndNode = 2, kProperty = 3, kNop = 4, kEnd = 9;
// Words of the header, in order.
enum {
  kMagicWord,
  kTotalSize,
  kStruct,
  kStrings,
  kReserved,
  kVersionWord,
  kCompatibleWord,
  kBootCpu,
  kStringsSize,
  kStructSize,
  kWords
};
constexpr size_t kReservation = 16;  // bytes per memory reservation; an all-zero entry ends the list

std::string Padded(std::string text) {
  text.append((4 - text.size() % 4) % 4, '\0');
  return text;
}

// Reads a block from front to back. An attempt to read past the end marks the reader as broken.
class Reader {
 public:
  explicit Reader(std::string_view block) : block_(block) {}
  std::string_view Bytes(size_t size) {
    if (broken_ || size > block_.size()) {
      broken_ = true;
      return {};
    }
    const std::string_view bytes = block_.substr(0, size);
    block_.remove_prefix(size);
    return bytes;
  }
  uint32_t Word() {
    uint32_t word = 0;
    const std::string_view bytes = Bytes(sizeof word);
    if (bytes.empty()) return 0;
    std::memcpy(&word, bytes.data(), sizeof word);
    return be32toh(word);
  }
  // Reads a zero-terminated string, and skips the padding after it.
  std::string_view Text() {
    const size_t end = block_.find('\0');
    if (broken_ || end == block_.npos) {
      broken_ = true;
      return {};
    }
    const std::string_view text = block_.substr(0, end);
    Bytes((end + 4) / 4 * 4);
    return text;
  }
  bool broken() const { return broken_; }

 private:
  std::string_view block_;
  bool broken_ = false;
};

// Returns the structure block with the changed properties, and appends the names of new properties to `strings`. Empty
// if the block is malformed or has no /chosen.
std::string Change(std::string_view block, std::string& strings, const std::map<std::string, std::string>& set,
                   const std::set<std::string>& removed) {
  Reader reader(block);
  std::string out;
  unsigned depth = 0;
  bool in_chosen = false, seen = false;
  while (!reader.broken()) {
    const uint32_t token = reader.Word();
    if (reader.broken()) break;
    if (token == kEnd) return seen && depth == 0 ? out + BigEndian32(kEnd) : "";
    if (token == kNop) continue;
    if (token == kBeginNode) {
      const std::string_view name = reader.Text();
      ++depth;
      out += BigEndian32(kBeginNode) + Padded(std::string(name) + '\0');
      in_chosen = depth == 2 && name == "chosen";
      if (!in_chosen) continue;
      seen = true;
      for (const auto& [property, value] : set) {
        out += BigEndian32(kProperty) + BigEndian32(static_cast<uint32_t>(value.size())) +
               BigEndian32(static_cast<uint32_t>(strings.size())) + Padded(value);
        strings += property + '\0';
      }
    } else if (token == kEndNode && depth > 0) {
      in_chosen = false;
      --depth;
      out += BigEndian32(kEndNode);
    } else if (token == kProperty) {
      const uint32_t size = reader.Word();
      const uint32_t name_offset = reader.Word();
      const std::string_view value = reader.Bytes((uint64_t{size} + 3) / 4 * 4);
      if (reader.broken() || name_offset >= strings.size()) break;
      const std::string name(strings.c_str() + name_offset);
      if (in_chosen && (set.contains(name) || removed.contains(name))) continue;
      out += BigEndian32(kProperty) + BigEndian32(size) + BigEndian32(name_offset) + std::string(value);
    } else {
      break;
    }
  }
  return "";
}

}  // namespace

std::string BigEndian32(uint32_t value) {
  value = htobe32(value);
  return {reinterpret_cast<const char*>(&value), sizeof value};
}
std::string BigEndian64(uint64_t value) {
  value = htobe64(value);
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

StatusOr<std::string> WithChosen(std::string_view tree, const std::map<std::string, std::string>& set,
                                 const std::set<std::string>& removed) {
  std::array<uint32_t, kWords> header{};
  Reader words(tree);
  for (uint32_t& word : header) word = words.Word();
  const auto lies_within = [&](uint64_t offset, uint64_t size) { return offset + size <= tree.size(); };
  if (words.broken() || header[kMagicWord] != kTreeMagic || header[kVersionWord] < kTreeVersion ||
      header[kCompatibleWord] > kTreeVersion || !lies_within(header[kStruct], header[kStructSize]) ||
      !lies_within(header[kStrings], header[kStringsSize]) || header[kReserved] > tree.size()) {
    return absl::InvalidArgumentError("not a device tree of version 17, or truncated");
  }
  std::string reservations;
  Reader reserved(tree.substr(header[kReserved]));
  const std::string last(kReservation, '\0');
  while (!reservations.ends_with(last)) {
    reservations += reserved.Bytes(kReservation);
    if (reserved.broken())
      return absl::InvalidArgumentError("the device tree's memory reservations are not terminated");
  }
  std::string strings(tree.substr(header[kStrings], header[kStringsSize]));
  const std::string structure = Change(tree.substr(header[kStruct], header[kStructSize]), strings, set, removed);
  if (structure.empty()) return absl::InvalidArgumentError("the device tree is malformed, or has no /chosen");

  constexpr uint32_t kHeaderSize = kWords * sizeof(uint32_t);
  const auto struct_at = static_cast<uint32_t>(kHeaderSize + reservations.size());
  const auto strings_at = static_cast<uint32_t>(struct_at + structure.size());
  const auto total = static_cast<uint32_t>(strings_at + strings.size());
  std::string out;
  for (const uint32_t word :
       {kTreeMagic, total, struct_at, strings_at, kHeaderSize, kTreeVersion, kCompatibleVersion, header[kBootCpu],
        static_cast<uint32_t>(strings.size()), static_cast<uint32_t>(structure.size())}) {
    out += BigEndian32(word);
  }
  return out + reservations + structure + strings;
}

}  // namespace lk::agent
