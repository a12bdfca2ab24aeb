// SPDX-License-Identifier: Apache-2.0
#include "server/campaign/rerun.h"

#include <algorithm>
#include <map>
#include <set>

#include "server/campaign/mutation.h"

namespace lk::campaign {
namespace {

bool Failed(const Run& run) {
  if (run.superseded) return false;
  if (WasCancelled(run)) return true;
  if (run.control) return StateOf(run) == ControlState::kSurvived || StateOf(run) == ControlState::kUndecided;
  return run.verdict != Verdict::kPass && run.verdict != Verdict::kSkip;
}

}  // namespace

std::vector<std::string> KernelsOf(const std::vector<Run>& runs) {
  std::vector<std::string> kernels;
  for (const Run& run : runs) {
    if (std::ranges::find(kernels, run.kernel_id) == kernels.end()) kernels.push_back(run.kernel_id);
  }
  return kernels;
}

std::vector<Run> RunsToRepeat(const std::vector<Run>& earlier, std::vector<Run> expanded, bool failed) {
  std::map<std::pair<Cell, uint32_t>, uint32_t> seeds;
  std::set<Cell> cells;
  std::set<std::string> scenarios;
  for (const Run& run : earlier) {
    seeds[{CellOf(run), run.repeat}] = run.seed;
    if (!Failed(run)) continue;
    cells.insert(CellOf(run));
    scenarios.insert(run.scenario);
  }
  if (failed) {
    std::erase_if(expanded, [&](const Run& run) {
      return !cells.contains(CellOf(run)) && !((run.control || run.sibling) && scenarios.contains(run.scenario));
    });
  }
  for (Run& run : expanded) {
    if (const auto it = seeds.find({CellOf(run), run.repeat}); it != seeds.end()) run.seed = it->second;
  }
  return expanded;
}

}  // namespace lk::campaign
