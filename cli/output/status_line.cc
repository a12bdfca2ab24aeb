// SPDX-License-Identifier: Apache-2.0
#include "cli/output/status_line.h"

#include <fmt/format.h>

#include <ostream>

#include "cli/output/text.h"
#include "support/quantity.h"

namespace lk::cli {

void StatusLine::Set(const std::string& text) {
  if (!io_.err_terminal) return;
  const std::string line = Shorten(text, static_cast<size_t>(io_.columns) - 1);
  if (line == shown_) return;
  io_.err << "\r\x1b[K" << line << std::flush;
  shown_ = line;
}

void StatusLine::Clear() {
  if (!shown_.empty()) io_.err << "\r\x1b[K" << std::flush;
  shown_.clear();
}

void StatusLine::Print(const std::string& line) {
  const std::string below = shown_;
  Clear();
  io_.err << line << std::endl;
  if (!below.empty()) Set(below);
}

void TransferProgress::Add(uint64_t bytes) {
  done_ += bytes;
  line_.Set(fmt::format("{}  {} of {}  {}%", Escape(name_), FormatBytes(done_), FormatBytes(total_),
                        total_ == 0 ? 100 : 100 * done_ / total_));
}

}  // namespace lk::cli
