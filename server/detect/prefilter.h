// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// As hs.h has them.
struct hs_scratch;
struct hs_stream;

namespace lk::detect {

// Finds many literals at once in a stream of bytes, also where one lies across two reads. Hyperscan, or Vectorscan,
// which has the same interface on other architectures.
class Prefilter {
 public:
  // Lines are read without their carriage returns. Behind one that stands within a line any literal may be hidden, and
  // the hit is of none in particular.
  static constexpr uint32_t kUnknown = UINT32_MAX;

  struct Hit {
    size_t end;        // behind its last byte, from the beginning of the bytes given
    uint32_t literal;  // its place in the list, or kUnknown
  };

  // False on a CPU that the library does not run on (Hyperscan: x86 without SSSE3).
  static bool Supported();

  // The literals: none empty, none with a newline. What is compiled for a list is kept, and shared by all that have the
  // same: lists are few, the table's and those of the scenarios.
  explicit Prefilter(const std::vector<std::string>& literals);

  // All hits in `bytes`, which follow those of the calls before, in order of `end`. Valid until the next call.
  std::span<const Hit> Scan(std::string_view bytes);

 private:
  struct CloseStream {
    void operator()(hs_stream* stream) const;
  };
  struct FreeScratch {
    void operator()(hs_scratch* scratch) const;
  };

  void FindCarriageReturns(std::string_view bytes);

  std::unique_ptr<hs_scratch, FreeScratch> scratch_;
  std::unique_ptr<hs_stream, CloseStream> stream_;
  uint64_t offset_ = 0;  // of the next byte, since the stream began
  char last_ = '\n';     // the byte before it
  std::vector<Hit> hits_;
};

}  // namespace lk::detect
