// SPDX-License-Identifier: Apache-2.0
// Verdicts: the matrix, the runs that did not pass, and the positive controls.
#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "server/campaign/mutation.h"
#include "server/report/html_parts.h"
#include "server/report/outcome.h"

namespace lk::report::html {
namespace {

using campaign::Run;
using campaign::RunState;
using campaign::Verdict;

constexpr size_t kMaxNotPassed = 500;

// A cell: how many runs have each verdict, and the first of them.
struct Square {
  struct Seen {
    size_t runs = 0;
    const Run* first = nullptr;
  };
  Seen pending;
  std::map<Verdict, Seen> verdicts;
  size_t runs = 0;
  bool flaky = false;
  bool emulated = false;
  bool harness = false;

  void Add(const Run& run) {
    Seen& seen = run.state == RunState::kDone ? verdicts[run.verdict] : pending;
    if (seen.runs++ == 0) seen.first = &run;
    ++runs;
    emulated = emulated || run.emulated;
    harness = harness || run.harness;
  }
};

void AddSquare(Node cell, const Square& square) {
  if (square.runs == 0) {
    Text(cell, "-");
    return;
  }
  std::string_view word = "pending";
  Square::Seen shown = square.pending;
  // Worst first, as for the verdict of a campaign.
  for (const Verdict verdict :
       {Verdict::kFail, Verdict::kError, Verdict::kMiss, Verdict::kUnproven, Verdict::kPass, Verdict::kSkip}) {
    const auto seen = square.verdicts.find(verdict);
    if (shown.runs > 0 || seen == square.verdicts.end()) continue;
    word = campaign::ToString(verdict);
    shown = seen->second;
  }
  Tag(cell, word, fmt::format(" {}/{}{}", shown.runs, square.runs, Marks(square.emulated, square.harness)));
  if (square.flaky) {
    Text(cell, " ");
    Tag(cell, "flaky");
  }
  if (word == "pass") return;
  Text(cell, " ");
  Link(cell, RunAnchor(shown.first->id), "see");
}

void AddMatrix(Node section, const CampaignReport& report) {
  const KernelNames names(report);
  std::vector<std::string> kernels;
  std::vector<std::pair<std::string, std::string>> columns;  // scenario, profile
  const auto once = [](auto& list, const auto& value) {
    if (std::ranges::find(list, value) == list.end()) list.push_back(value);
  };
  std::map<std::tuple<std::string, std::string, std::string>, Square> squares;
  for (const Attempts& attempts : GroupAttempts(report.runs)) {
    for (const Run* run : attempts.runs) {
      if (run->superseded || run->control) continue;
      once(kernels, names.Of(*run));
      once(columns, std::pair(run->scenario, run->profile));
      Square& square = squares[{names.Of(*run), run->scenario, run->profile}];
      square.Add(*run);
      square.flaky = square.flaky || attempts.flaky();
    }
  }
  std::vector<std::string> titles = {"Kernel"};
  for (const auto& [scenario, profile] : columns) titles.push_back(fmt::format("{} on {}", scenario, profile));
  Table table(section, titles);
  for (const std::string& kernel : kernels) {
    table.Row();
    table.Cell(kernel, "mono nowrap");
    for (const auto& [scenario, profile] : columns) {
      AddSquare(table.Cell("", "nowrap"), squares[{kernel, scenario, profile}]);
    }
  }
}

void AddNotPassed(Node section, const CampaignReport& report) {
  const KernelNames names(report);
  std::vector<const Run*> runs;
  for (const Run& run : report.runs) {
    if (!run.superseded && !run.control && run.state == RunState::kDone && run.verdict != Verdict::kPass) {
      runs.push_back(&run);
    }
  }
  if (runs.empty()) return;
  AddText(section, "h3", "Not passed");
  Table table(section, {"Run", "Verdict", "Reason", "Scenario", "Kernel", "Blame"});
  for (size_t i = 0; i < std::min(runs.size(), kMaxNotPassed); ++i) {
    const Run& run = *runs[i];
    table.Row();
    RunLink(table.Cell("", "nowrap"), run);
    Tag(table.Cell(), campaign::ToString(run.verdict), Marks(run.emulated, run.harness));
    table.Cell(run.reason, "long");
    table.Cell(run.scenario, "nowrap");
    table.Cell(names.Of(run), "mono nowrap");
    table.Cell(run.blame == campaign::Blame::kNone ? "-" : campaign::ToString(run.blame));
  }
  if (runs.size() > kMaxNotPassed) {
    AddText(section, "p",
            fmt::format("{} more: lkctl run list --campaign {}", runs.size() - kMaxNotPassed, report.campaign.id),
            "dim");
  }
}

}  // namespace

void AddResults(Node body, const CampaignReport& report) {
  const bool any = std::ranges::any_of(report.runs, [](const Run& run) { return !run.control; });
  if (!any) return;
  Node section = Section(body, "results", "Results");
  AddMatrix(section, report);
  AddNotPassed(section, report);
}

void AddControls(Node body, const CampaignReport& report) {
  const std::vector<campaign::Mutant> mutants = campaign::Mutants(report.runs);
  if (mutants.empty()) return;
  const campaign::MutationScore score = campaign::Score(mutants);
  Node section = Section(body, "controls", "Positive controls");
  Node line = Add(section, "p");
  Text(line, "Mutation score ");
  AddText(line, "b", fmt::format("{} of {}", score.killed, score.all), score.killed == score.all ? "pass" : "fail");
  Text(line,
       ". A mutant is a kernel that reintroduces a bug that one scenario must catch. Its runs do not count as results "
       "of a kernel, but if it survives, passes of that scenario on the same profile prove nothing.");
  Table table(section, {"Mutant", "Scenario", "State", "Runs", "Reason"});
  for (const campaign::Mutant& mutant : mutants) {
    table.Row();
    table.Cell(fmt::format("{} ({})", mutant.kernel_release, mutant.kernel_id), "mono");
    table.Cell(mutant.scenario, "nowrap");
    Tag(table.Cell(), campaign::ToString(mutant.state));
    Node runs = table.Cell("", "nowrap");
    for (size_t i = 0; i < mutant.run_ids.size(); ++i) {
      if (i > 0) Text(runs, ", ");
      Link(runs, RunAnchor(mutant.run_ids[i]), mutant.run_ids[i]);
    }
    table.Cell(mutant.reason, "long");
  }
}

}  // namespace lk::report::html
