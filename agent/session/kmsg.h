// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/status.h"
#include "support/unique_fd.h"

namespace lk::agent {

struct KmsgRecord {
  uint64_t sequence = 0;
  uint64_t timestamp_us = 0;
  uint32_t level = 0;
  std::string text;  // any bytes
};

// Parses one record as read from /dev/kmsg (Documentation/ABI/testing/dev-kmsg): "level,sequence,timestamp,flags;
// text\n". Drops the dictionary lines that follow and decodes "\xNN". Returns nothing if the record is malformed.
std::optional<KmsgRecord> ParseKmsgRecord(std::string_view raw);

// Returns how many records were lost before the one with this sequence number, and counts on.
uint64_t LostBefore(uint64_t sequence, std::optional<uint64_t>& next);

// Consecutive records, and how many records were overwritten before they could be read.
struct KmsgPiece {
  std::vector<KmsgRecord> records;
  uint64_t lost = 0;
};

// Reads /dev/kmsg.
class KmsgReader {
 public:
  enum class From { kOldest, kNow };
  // Errors: those of open(2).
  static StatusOr<KmsgReader> Open(From from);

  // Becomes readable when Read has something to return.
  int fd() const { return fd_.get(); }
  // Returns pending records, up to about `max_bytes` of text. Empty if there is nothing new. Never blocks.
  KmsgPiece Read(size_t max_bytes);

 private:
  KmsgReader(UniqueFd fd, std::optional<uint64_t> next) : fd_(std::move(fd)), next_(next) {}

  UniqueFd fd_;
  std::optional<uint64_t> next_;  // the sequence number of the next record; nullopt if it may be any
};

}  // namespace lk::agent
