// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// From hs.h.
struct hs_scratch;
struct hs_stream;

namespace lk::detect {

// Finds many literals simultaneously in a stream of bytes, including those that are split between two reads. Uses
// Hyperscan, or Vectorscan, which provides the same interface on other architectures.
class Prefilter {
 public:
  // Lines are parsed without their carriage returns, so a carriage return within a line may hide any literal. Such
  // a carriage return is reported as a hit of an unknown literal.
  static constexpr uint32_t kUnknown = UINT32_MAX;

  struct Hit {
    size_t end;        // offset in the scanned bytes, one past the last byte of the literal
    uint32_t literal;  // index in the list of literals, or kUnknown
  };

  // Returns false if the library does not support this CPU (Hyperscan requires SSSE3).
  static bool Supported();

  // Literals must not be empty or contain a newline. Each distinct list is compiled once and then kept; there are only
  // a few lists, because only the scenarios' invariants differ.
  explicit Prefilter(const std::vector<std::string>& literals);

  // Returns the hits in the next bytes of the stream, sorted by `end`. The result is valid until the next call.
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
  uint64_t offset_ = 0;  // position of the next byte in the stream
  char last_ = '\n';     // the byte before it
  std::vector<Hit> hits_;
};

}  // namespace lk::detect
