// SPDX-License-Identifier: Apache-2.0
// A line at the bottom of the terminal that is redrawn in place.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "cli/io.h"

namespace lk::cli {

// A status line at the bottom of the terminal. If stderr is not a terminal, Set and Clear do nothing.
class StatusLine {
 public:
  explicit StatusLine(Io& io) : io_(io) {}
  ~StatusLine() { Clear(); }
  StatusLine(const StatusLine&) = delete;
  StatusLine& operator=(const StatusLine&) = delete;

  void Set(const std::string& text);
  void Clear();
  // Prints a permanent line above the status line.
  void Print(const std::string& line);

 private:
  Io& io_;
  std::string shown_;
};

// Progress of an upload or download, or of reading a file.
class TransferProgress {
 public:
  TransferProgress(Io& io, std::string name, uint64_t total_bytes)
      : line_(io), name_(std::move(name)), total_(total_bytes) {}
  void Add(uint64_t bytes);
  // Removes the line until the next call of Add.
  void Clear() { line_.Clear(); }

 private:
  StatusLine line_;
  std::string name_;
  uint64_t total_;
  uint64_t done_ = 0;
};

}  // namespace lk::cli
