// SPDX-License-Identifier: Apache-2.0
// Progress of long work, on stderr: a line that is redrawn on a terminal, a line per change elsewhere.
#pragma once

#include <absl/time/time.h>

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "cli/context.h"
#include "lk/v1/campaign.pb.h"

namespace lk::cli {

// The last line of a terminal. Elsewhere Set and Clear do nothing.
class StatusLine {
 public:
  explicit StatusLine(Io& io) : io_(io) {}
  ~StatusLine() { Clear(); }
  StatusLine(const StatusLine&) = delete;
  StatusLine& operator=(const StatusLine&) = delete;

  void Set(const std::string& text);
  void Clear();
  // A line that stays, above the status line.
  void Print(const std::string& line);

 private:
  Io& io_;
  std::string shown_;
};

// A title is told once for each run, at the first sight of a report, and again only where it has another title once it
// is whole: a guest may say the same hundreds of times.
class FindingNews {
 public:
  bool IsNews(const v1::RunFinding& finding);

 private:
  std::set<std::pair<std::string, std::string>> said_;  // run, title
};

// An event in a line: "pass       c0abc-3  baseline  6.12.95  iommu  31.2s". Safe for a terminal.
std::string EventLine(const v1::CampaignEvent& event, bool color);

class CampaignProgress {
 public:
  CampaignProgress(Io& io, const v1::Campaign& campaign);

  void Show(const v1::CampaignEvent& event);
  void Note(const std::string& line) { line_.Print(line); }
  // Redraws the status line; `now` gives the time passed.
  void Tick(absl::Time now);

 private:
  Io& io_;
  StatusLine line_;
  v1::Campaign campaign_;
  FindingNews news_;
  // The latest attempt at each cell, by the id of the first.
  std::map<std::string, v1::Run> runs_;
};

// Of one file, up or down.
class TransferProgress {
 public:
  TransferProgress(Io& io, std::string name, uint64_t total_bytes)
      : line_(io), name_(std::move(name)), total_(total_bytes) {}
  void Add(uint64_t bytes);

 private:
  StatusLine line_;
  std::string name_;
  uint64_t total_;
  uint64_t done_ = 0;
};

}  // namespace lk::cli
