// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
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
  // a few lists, because only the scenarios' invariants differ. Where one of the `bytes` is found, `wanted`
  // decides whether that is a hit of a literal whose index follows those of the others; the library would be slowed
  // down by literals that short.
  using Wanted = std::function<bool(std::string_view bytes, size_t at)>;
  explicit Prefilter(const std::vector<std::string>& literals, std::string_view bytes = {}, Wanted wanted = {});

  // Returns the hits in the next bytes of the stream, sorted by `end`. The result is valid until the next call.
  std::span<const Hit> Scan(std::string_view bytes);
  // The same for a line without its newline, of a stream of lines, and for the literals alone.
  std::span<const Hit> ScanLine(std::string_view line);

 private:
  struct CloseStream {
    void operator()(hs_stream* stream) const;
  };
  struct FreeScratch {
    void operator()(hs_scratch* scratch) const;
  };

  void FindLiterals(std::string_view bytes);
  void FindCarriageReturns(std::string_view bytes);
  void FindBytes(std::string_view bytes);

  std::unique_ptr<hs_scratch, FreeScratch> scratch_;
  std::unique_ptr<hs_stream, CloseStream> stream_;
  uint64_t offset_ = 0;  // position of the next byte in the stream
  char last_ = '\n';     // the byte before it
  std::vector<Hit> hits_;
  uint32_t literals_;
  std::string bytes_;
  Wanted wanted_;
  std::string line_;
};

}  // namespace lk::detect
