// SPDX-License-Identifier: Apache-2.0
// Progress of long operations on stderr: a redrawn status line on a terminal, one line per change elsewhere.
#pragma once

#include <absl/time/time.h>

#include <map>
#include <set>
#include <string>
#include <utility>

#include "cli/io.h"
#include "cli/output/status_line.h"
#include "lk/v1/campaign.pb.h"

namespace lk::cli {

// Filters findings so that each title is shown once per run, since a guest may print the same report hundreds of times.
// A report is shown as soon as it starts, and again if it has a different title once it is complete.
class FindingNews {
 public:
  bool IsNews(const v1::RunFinding& finding);

 private:
  std::set<std::pair<std::string, std::string>> said_;  // run, title
};

// One line for an event: "pass       c0abc-3  baseline  6.12.95  iommu  31.2s". Safe to print on a terminal.
std::string EventLine(const v1::CampaignEvent& event, bool color);

class CampaignProgress {
 public:
  CampaignProgress(Io& io, const v1::Campaign& campaign);

  void Show(const v1::CampaignEvent& event);
  void Note(const std::string& line) { line_.Print(line); }
  // Redraws the status line with the time elapsed until `now`.
  void Tick(absl::Time now);

 private:
  Io& io_;
  StatusLine line_;
  v1::Campaign campaign_;
  FindingNews news_;
  // The latest attempt at each run, by the ID of the first attempt.
  std::map<std::string, v1::Run> runs_;
};

}  // namespace lk::cli
