// SPDX-License-Identifier: Apache-2.0
// Fuzzes the line assembler. Lines must not depend on how the bytes are split, must not overlap, and must be bounded.
// The first byte of the input selects how often the bytes from the third on are repeated, so that lines can exceed the
// bound; the second byte selects the split.
#include <cstdlib>
#include <string>
#include <vector>

#include "server/detect/line_assembler.h"
#include "tests/fuzz/lines.h"

namespace {

using lk::detect::LineAssembler;

struct Kept {
  uint64_t start, end;
  std::string text;
  bool operator==(const Kept&) const = default;
};

std::vector<Kept> Assemble(std::string_view bytes, size_t piece) {
  std::vector<Kept> lines;
  uint64_t last = 0;
  const auto keep = [&](const lk::detect::Line& line) {
    if (line.start < last || line.start >= line.end || line.end > bytes.size() ||
        line.text.size() > LineAssembler::kMaxLine) {
      std::abort();
    }
    last = line.end;
    lines.push_back({line.start, line.end, std::string(line.text)});
  };
  LineAssembler assembler;
  for (size_t at = 0; at < bytes.size(); at += piece) Feed(assembler, bytes.substr(at, piece), keep);
  if (const auto line = assembler.Finish()) keep(*line);
  if (assembler.offset() != bytes.size()) std::abort();
  return lines;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  std::string bytes;
  for (int i = 0; i <= data[0] % 16; ++i) bytes.append(reinterpret_cast<const char*>(data) + 2, size - 2);
  if (Assemble(bytes, bytes.size() + 1) != Assemble(bytes, 1 + data[1])) std::abort();
  return 0;
}
