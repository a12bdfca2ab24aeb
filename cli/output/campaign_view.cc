// SPDX-License-Identifier: Apache-2.0
#include "cli/output/campaign_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <ostream>
#include <set>
#include <tuple>
#include <vector>

#include "cli/output/run_view.h"
#include "cli/output/table.h"
#include "cli/output/text.h"
#include "lk/v1/campaign.pb.h"
#include "support/verdict.h"

namespace lk::cli {
namespace {

// Row and column names of a run in the verdict matrix.
struct RunNames {
  explicit RunNames(const v1::Campaign& campaign) {
    std::map<std::string, std::set<std::string>> builds;
    std::set<std::string> profiles;
    for (const v1::Run& run : campaign.runs()) {
      builds[run.kernel()].insert(run.kernel_id());
      profiles.insert(run.profile());
    }
    for (const auto& [release, ids] : builds) {
      if (ids.size() > 1) ambiguous.insert(release);
    }
    several_profiles = profiles.size() > 1;
  }

  std::string Kernel(const v1::Run& run) const {
    return ambiguous.contains(run.kernel()) ? fmt::format("{} ({})", run.kernel(), run.kernel_id()) : run.kernel();
  }
  std::string Scenario(const v1::Run& run) const {
    return several_profiles ? fmt::format("{}/{}", run.scenario(), run.profile()) : run.scenario();
  }

  // Releases with more than one build in the campaign.
  std::set<std::string> ambiguous;
  bool several_profiles = false;
};

// Appends a value that is not in the list yet, to keep kernels and scenarios in the order of the campaign.
void AddOnce(std::vector<std::string>& list, const std::string& value) {
  if (std::find(list.begin(), list.end(), value) == list.end()) list.push_back(value);
}

bool Counts(const v1::Run& run) {
  return !run.superseded() && !run.control() && run.state() == "done";
}

// "*" for an emulated run, "+" for one with a harness.
std::string MarksOf(const v1::Run& run) {
  return std::string(run.emulated() ? "*" : "") + (run.harness() ? "+" : "");
}

void AddMarks(std::string& marks, std::string_view more) {
  for (const char mark : more) {
    if (marks.find(mark) == marks.npos) marks += mark;
  }
}

// "pass 2/2", "fail 1/2 flaky", "pending 1/3": the worst verdict and how many of the cell's runs have it.
Cell Summarize(const std::vector<const v1::Run*>& runs) {
  std::map<std::string_view, size_t> verdicts;
  size_t total = 0;
  bool passed = false;
  bool failed = false;
  std::string marks;
  for (const v1::Run* run : runs) {
    if (!run->superseded()) {
      ++total;
      ++verdicts[run->state() == "done" ? std::string_view(run->verdict()) : "pending"];
      AddMarks(marks, MarksOf(*run));
    }
    // Results superseded by a retry still show that the outcome is mixed.
    passed = passed || (run->state() == "done" && run->verdict() == "pass");
    failed = failed || (run->state() == "done" && run->verdict() == "fail");
  }
  if (total == 0) return "-";
  std::string_view shown = "pending";
  if (!verdicts.contains("pending") || failed) {
    const auto* worst =
        std::ranges::find_if(kWorstVerdictFirst, [&](std::string_view verdict) { return verdicts.contains(verdict); });
    if (worst != kWorstVerdictFirst.end()) shown = *worst;
  }
  return Cell(fmt::format("{} {}/{}{}{}", shown, verdicts[shown], total, passed && failed ? " flaky" : "", marks),
              ColorOf(shown));
}

void Section(std::ostream& out, std::string_view heading, const Table& table, bool color) {
  if (table.empty()) return;
  out << '\n' << Paint(heading, Color::kBold, color) << '\n';
  table.Print(out, color);
}

void ShowMutants(const v1::Campaign& campaign, bool color, std::ostream& out) {
  std::map<std::string_view, std::string> marked;
  for (const v1::Run& run : campaign.runs()) marked[run.id()] = MarksOf(run);
  Table table({"MUTANT", "SCENARIO", "STATE", ">RUNS", "FIRST RUN", "REASON"});
  for (const v1::Mutant& mutant : campaign.mutants()) {
    std::string marks;
    for (const std::string& id : mutant.run_ids()) AddMarks(marks, marked[id]);
    table.Add({mutant.kernel(), mutant.scenario(), Cell(mutant.state() + marks, ColorOf(mutant.state())),
               std::to_string(mutant.run_ids_size()), mutant.run_ids(0), mutant.reason()});
  }
  Section(out, "Mutants", table, color);
  const v1::MutationScore& score = campaign.mutation_score();
  out << Paint(fmt::format("Mutation score {}/{}", score.killed(), score.all()),
               score.killed() == score.all() ? Color::kGreen : Color::kRed, color)
      << '\n';
}

void ShowMatrix(const v1::Campaign& campaign, const RunNames& labels, bool color, std::ostream& out) {
  std::vector<std::string> kernels, scenarios;
  std::map<std::pair<std::string, std::string>, std::vector<const v1::Run*>> cells;
  std::string marks;
  for (const v1::Run& run : campaign.runs()) {
    AddMarks(marks, MarksOf(run));
    if (run.control()) continue;
    AddOnce(kernels, labels.Kernel(run));
    AddOnce(scenarios, labels.Scenario(run));
    cells[{labels.Kernel(run), labels.Scenario(run)}].push_back(&run);
  }
  std::vector<std::string> titles = scenarios;
  titles.insert(titles.begin(), "KERNEL");
  Table table(titles);
  for (const std::string& kernel : kernels) {
    Table::Row row = {kernel};
    for (const std::string& scenario : scenarios) row.push_back(Summarize(cells[{kernel, scenario}]));
    table.Add(std::move(row));
  }
  Section(out, "Verdicts", table, color);
  if (campaign.mutants_size() > 0) ShowMutants(campaign, color, out);
  if (marks.find('*') != marks.npos) out << "* emulated: a substitute was used for missing hardware\n";
  if (marks.find('+') != marks.npos) {
    out << "+ harness: the kernel had another caller of the code under test, or an edited version of it\n";
  }
}

void ShowNotPassed(const v1::Campaign& campaign, bool color, std::ostream& out) {
  Table table({"RUN", "VERDICT", "BLAME", "REASON"});
  for (const v1::Run& run : campaign.runs()) {
    if (!Counts(run) || run.verdict() == "pass") continue;
    table.Add(
        {run.id(), Cell(run.verdict(), ColorOf(run.verdict())), run.blame().empty() ? "-" : run.blame(), run.reason()});
  }
  Section(out, "Not passed", table, color);
}

// Lists retried runs with the outcomes of all attempts: "fail, pass  flaky".
void ShowAttempts(const v1::Campaign& campaign, const RunNames& labels, bool color, std::ostream& out) {
  std::vector<std::vector<const v1::Run*>> tried;
  for (const v1::Run& run : campaign.runs()) {
    // Attempts are adjacent and share the ID up to the dot.
    const auto first = [](const v1::Run& r) { return r.id().substr(0, r.id().find('.')); };
    if (tried.empty() || first(*tried.back().front()) != first(run)) tried.emplace_back();
    tried.back().push_back(&run);
  }
  Table table({"RUN", "SCENARIO", "KERNEL", "ATTEMPTS", ""});
  for (const auto& attempts : tried) {
    if (attempts.size() < 2) continue;
    std::string outcomes;
    std::set<std::string> verdicts;
    for (const v1::Run* run : attempts) {
      const std::string& outcome = run->state() == "done" ? run->verdict() : run->state();
      outcomes += (outcomes.empty() ? "" : ", ") + outcome;
      verdicts.insert(outcome);
    }
    const bool flaky = verdicts.contains("pass") && verdicts.contains("fail");
    table.Add({attempts.front()->id(), labels.Scenario(*attempts.front()), labels.Kernel(*attempts.front()), outcomes,
               Cell(flaky ? "flaky" : "", Color::kYellow)});
  }
  Section(out, "Retried", table, color);
}

// Percentiles cannot be merged from per-run summaries, so this shows the median p50, and the worst p99 and maximum.
void ShowLatencies(const v1::Campaign& campaign, const RunNames& labels, bool color, std::ostream& out) {
  struct Merged {
    std::vector<double> p50;
    double p99 = 0, max = 0;
    uint64_t samples = 0;
  };
  std::map<std::tuple<std::string, std::string, std::string>, Merged> merged;
  for (const v1::Run& run : campaign.runs()) {
    if (!Counts(run)) continue;
    for (const v1::LatencySummary& latency : run.latencies()) {
      Merged& m = merged[{labels.Scenario(run), latency.probe(), labels.Kernel(run)}];
      m.p50.push_back(latency.p50_seconds());
      m.p99 = std::max(m.p99, latency.p99_seconds());
      m.max = std::max(m.max, latency.max_seconds());
      m.samples += latency.count();
    }
  }
  Table table({"SCENARIO", "PROBE", "KERNEL", ">P50", ">P99", ">MAX", ">RUNS", ">SAMPLES"});
  for (auto& [key, m] : merged) {
    const auto& [scenario, probe, kernel] = key;
    const auto middle = m.p50.begin() + static_cast<ptrdiff_t>(m.p50.size() / 2);
    std::nth_element(m.p50.begin(), middle, m.p50.end());
    table.Add({scenario, probe, kernel, FormatSeconds(*middle), FormatSeconds(m.p99), FormatSeconds(m.max),
               std::to_string(m.p50.size()), std::to_string(m.samples)});
  }
  Section(out, "Latencies (median p50, worst p99 and worst maximum across runs)", table, color);
}

void ShowFindings(const v1::Campaign& campaign, const RunNames& labels, bool color, std::ostream& out) {
  struct Seen {
    std::string kind, first_run;
    std::set<std::string> runs;
    uint64_t count = 0;
  };
  std::map<std::tuple<std::string, std::string, std::string>, Seen> findings;
  for (const v1::Run& run : campaign.runs()) {
    for (const v1::Finding& finding : run.findings()) {
      Seen& seen = findings[{FindingTitle(finding), labels.Kernel(run), labels.Scenario(run)}];
      if (seen.runs.empty()) seen.first_run = run.id();
      seen.kind = finding.kind();
      seen.runs.insert(run.id());
      seen.count += std::max(finding.count(), 1u);
    }
  }
  Table table({"FINDING", "KIND", "KERNEL", "SCENARIO", ">RUNS", ">COUNT", "FIRST RUN"});
  for (const auto& [key, seen] : findings) {
    const auto& [title, kernel, scenario] = key;
    table.Add({title, seen.kind, kernel, scenario, std::to_string(seen.runs.size()), std::to_string(seen.count),
               seen.first_run});
  }
  Section(out, "Findings", table, color);
}

void ShowKnown(const v1::Campaign& campaign, bool color, std::ostream& out) {
  Table table({"KNOWN PROBLEM", "KIND", "UNTIL", "REASON"});
  for (const v1::KnownProblem& problem : campaign.known()) {
    table.Add({problem.title(), problem.kind().empty() ? "any" : problem.kind(), problem.until(), problem.reason()});
  }
  Section(out, "Known problems", table, color);
}

void ShowNextSteps(const v1::Campaign& campaign, std::ostream& out) {
  if (campaign.state() != "finished" && campaign.state() != "cancelled") {
    out << "\nNext: lkctl campaign watch " << Escape(campaign.id()) << '\n';
    return;
  }
  const auto& runs = campaign.runs();
  const auto run = std::find_if(runs.begin(), runs.end(),
                                [&](const v1::Run& r) { return Counts(r) && r.verdict() == campaign.verdict(); });
  if (run == runs.end()) return;
  out << fmt::format("\nNext: lkctl run show {0}\n      lkctl run logs {0}\n", Escape(run->id()));
}

}  // namespace

std::string FormatCounts(const v1::Counts& counts) {
  const std::pair<uint32_t, std::string_view> named[] = {
      {counts.pass(), "pass"},       {counts.fail(), "fail"},         {counts.error(), "error"},
      {counts.miss(), "miss"},       {counts.unproven(), "unproven"}, {counts.skip(), "skip"},
      {counts.pending(), "pending"}, {counts.controls(), "control"},  {counts.superseded(), "superseded"}};
  std::string text;
  for (const auto& [count, name] : named) {
    if (count > 0) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, name);
  }
  return text.empty() ? "no runs" : text;
}

void ShowCampaign(const v1::Campaign& campaign, absl::TimeZone zone, bool color, std::ostream& out) {
  const auto field = [&](std::string_view name, const std::string& value) {
    if (!value.empty()) out << fmt::format("{:<9}  ", name) << Paint(Escape(value), ColorOf(value), color) << '\n';
  };
  std::string tags;
  const std::map<std::string, std::string> sorted(campaign.labels().begin(), campaign.labels().end());
  for (const auto& [key, value] : sorted) tags += fmt::format("{}{}={}", tags.empty() ? "" : ", ", key, value);
  field("Campaign", campaign.id());
  field("Name", campaign.name());
  field("Labels", tags);
  field("State", campaign.state());
  field("Verdict", campaign.verdict());
  field("Runs", FormatCounts(campaign.counts()));
  field("Created", FormatTime(campaign.created(), zone));
  field("Finished", FormatTime(campaign.finished(), zone));

  const RunNames labels(campaign);
  ShowMatrix(campaign, labels, color, out);
  ShowNotPassed(campaign, color, out);
  ShowAttempts(campaign, labels, color, out);
  ShowLatencies(campaign, labels, color, out);
  ShowFindings(campaign, labels, color, out);
  ShowKnown(campaign, color, out);
  ShowNextSteps(campaign, out);
}

}  // namespace lk::cli
