// SPDX-License-Identifier: Apache-2.0
// Each run: where its result comes from, what was seen, and how to repeat it.
#include <fmt/format.h>

#include <algorithm>

#include "server/campaign/only_run.h"
#include "server/report/html_parts.h"
#include "server/report/outcome.h"
#include "support/histogram_proto.h"
#include "support/quantity.h"

namespace lk::report::html {
namespace {

using campaign::Run;
using campaign::RunState;
using campaign::Verdict;

// Maximum number of runs shown with all details, starting with those that did not pass. The others get one line each.
constexpr size_t kMaxRuns = 500;
constexpr size_t kMaxLines = 5000;
constexpr size_t kMaxFrames = 64;

std::string VerdictOf(const Run& run) {
  return std::string(run.state == RunState::kDone ? campaign::ToString(run.verdict) : "pending");
}

void AddFinding(Node parent, const campaign::Finding& finding) {
  AddText(parent, "h3", finding.title.empty() ? detect::ToString(finding.kind) : finding.title);
  AddExcuse(parent, finding);
  AddParties(parent, finding);
  AddFrames(parent, finding, kMaxFrames);
  for (const detect::CpuStack& other : finding.others) {
    std::string line = other.cpu < 0 ? "another CPU" : fmt::format("CPU {}", other.cpu);
    if (!other.task.empty()) line += ", " + other.task;
    if (!other.function.empty()) line += ", in " + other.function;
    Node stack = Details(parent, line);
    for (const detect::Frame& frame : other.frames) AddText(stack, "div", FormatFrame(frame), "mono");
  }
  if (!finding.excerpt.empty()) Pre(parent, finding.excerpt);
}

void AddProvenance(Node parent, const Run& run) {
  const campaign::Provenance& from = run.provenance;
  Facts facts(parent);
  facts.Add("Kernel", fmt::format("{} ({})", run.kernel_release, run.kernel_id), true);
  facts.Add("Source", from.kernel_source);
  facts.Add("Commit", from.kernel_commit, true);
  facts.Add("Config SHA-256", from.config_sha256, true);
  facts.Add("Image SHA-256", from.image_sha256, true);
  facts.Add("Profile", fmt::format("{}, {}", run.profile, campaign::ToString(run.arch)));
  facts.Add("Command line", run.cmdline, true);
  facts.Add("Seed", std::to_string(run.seed));
  facts.Add("Host", from.host_uri.empty() ? run.host_id : fmt::format("{} ({})", from.host_uri, run.host_id));
  facts.Add("Host kernel", from.host_kernel);
  facts.Add("Accelerator", run.accelerator);
  facts.Add("Hypervisor", from.hypervisor);
  facts.Add("libvirt", from.libvirt);
  facts.Add("Started", UtcTime(run.started));
  std::string phases;
  for (const char* phase : {"image", "define", "boot", "run", "drain", "destroy"}) {
    const auto seconds = run.phase_seconds.find(phase);
    if (seconds == run.phase_seconds.end()) continue;
    phases += fmt::format("{}{} {}", phases.empty() ? "" : ", ", phase, Duration(seconds->second));
  }
  facts.Add("Phases", phases);
  if (run.paused_seconds > 0) facts.Add("Paused", Duration(run.paused_seconds));
  if (run.steal_seconds > 0) facts.Add("Steal", Duration(run.steal_seconds));
  if (run.delay_seconds > 0) facts.Add("vCPU delay", Duration(run.delay_seconds));
  facts.Add("Canary", fmt::format("console: {}, kernel log: {}", run.canary_console ? "seen" : "not seen",
                                  run.canary_kmsg ? "seen" : "not seen"));
  facts.Add("Operations", std::to_string(run.operations));
  std::string skipped;
  for (const std::string& part : run.skipped_parts) skipped += (skipped.empty() ? "" : "; ") + part;
  facts.Add("Skipped parts", skipped);
}

void AddPostMortem(Node parent, const Run& run) {
  if (run.post_mortem.empty()) return;
  AddText(parent, "h3", "Post-mortem");
  Table table(parent, {"Step", "Outcome", ">Took", "Result"});
  for (const campaign::PostMortemStep& step : run.post_mortem) {
    table.Row();
    table.Cell(campaign::ToString(step.step));
    table.Cell(campaign::ToString(step.outcome));
    table.Cell(Duration(step.seconds));
    table.Cell(step.detail, "long");
  }
}

void AddTable(Node parent, const std::string& name, const campaign::Table& rows) {
  AddText(parent, "h3", name);
  Table table(parent, rows.columns);
  for (const std::vector<std::string>& row : rows.rows) {
    table.Row();
    for (const std::string& cell : row) table.Cell(cell, "mono");
  }
}

void AddConsole(Node parent, const CampaignReport& report, const Run& run) {
  const auto console = report.consoles.find(run.id);
  if (console == report.consoles.end() || console->second.text.empty()) {
    AddText(parent, "p", fmt::format("Console ({}): lkctl run logs {}", FormatBytes(run.console_bytes), run.id),
            "mono");
    return;
  }
  const ConsoleTail& tail = console->second;
  Node details =
      Details(parent, tail.left_out == 0 ? "Console" : fmt::format("Console, last {} bytes", tail.text.size()));
  if (tail.left_out > 0) {
    AddText(details, "p", fmt::format("{} earlier bytes: lkctl run logs {}", tail.left_out, run.id), "dim");
  }
  Pre(details, tail.text);
}

void AddRunAgain(Node parent, const CampaignReport& report, const Run& run) {
  const StatusOr<std::string> file = campaign::OnlyRun(report.campaign, run);
  if (!file.ok()) return;
  Node details = Details(parent, "Repeat this run");
  Pre(details, fmt::format("lkctl campaign start - --wait <<'END'\n{}END\n", *file));
}

void AddRun(Node section, const CampaignReport& report, const KernelNames& names, const Run& run) {
  const bool bad = run.state == RunState::kDone && run.verdict != Verdict::kPass && run.verdict != Verdict::kSkip;
  Node card = Add(section, "article", bad && !run.control ? "card fail" : "card");
  card.append_attribute("id") = RunAnchor(run.id).c_str();
  Node head = Add(card, "div", "head");
  Tag(head, VerdictOf(run));
  AddText(head, "b", run.id);
  AddText(head, "span", fmt::format("{} on {}, {}", run.scenario, names.Of(run), run.profile));
  if (run.emulated) Tag(head, "emulated");
  if (run.harness) Tag(head, "harness");
  if (run.control) AddText(head, "span", "positive control: expected to fail", "tag");
  if (run.superseded) AddText(head, "span", "superseded by a later attempt", "tag");
  if (!run.reason.empty()) AddText(card, "p", run.reason);

  Node details = Details(card, "Details");
  for (const campaign::Finding& finding : run.findings) AddFinding(details, finding);
  AddPostMortem(details, run);
  AddProvenance(details, run);
  if (!run.latencies.empty()) {
    Table table(details, {"Probe", ">Samples", ">p50", ">p99", ">Max"});
    for (const auto& [probe, histogram] : run.latencies) {
      const v1::LatencySummary summary = Summary(histogram, probe);
      table.Row();
      table.Cell(probe, "mono");
      table.Cell(std::to_string(summary.count()));
      table.Cell(Duration(summary.p50_seconds()));
      table.Cell(Duration(summary.p99_seconds()));
      table.Cell(Duration(summary.max_seconds()));
    }
  }
  if (!run.counters.empty()) {
    Table table(details, {"Counter", ">Value", "Unit"});
    for (const auto& [name, counter] : run.counters) {
      table.Row();
      table.Cell(name, "mono");
      table.Cell(fmt::format("{:.12g}", counter.value));
      table.Cell(counter.unit == "1" ? "" : counter.unit);
    }
  }
  for (const auto& [name, rows] : run.tables) AddTable(details, name, rows);
  if (!run.journal.empty()) {
    std::string lines;
    for (const std::string& line : run.journal) lines += line + '\n';
    Pre(Details(details, "Journal"), lines);
  }
  AddConsole(details, report, run);
  AddRunAgain(details, report, run);
}

// The remaining runs, one line each.
void AddLines(Node section, const KernelNames& names, const std::vector<const Run*>& runs) {
  Table table(section, {"Run", "Verdict", "Scenario", "Kernel", "Profile", "On", ">Took", ">Seed"});
  for (const Run* run : runs) {
    table.Row();
    Node id = table.Cell(run->id, "nowrap");
    id.append_attribute("id") = RunAnchor(run->id).c_str();
    Tag(table.Cell(), VerdictOf(*run), Marks(run->emulated, run->harness));
    table.Cell(run->scenario);
    table.Cell(names.Of(*run), "mono");
    table.Cell(run->profile);
    table.Cell(On(*run));
    table.Cell(Duration(Seconds(*run)));
    table.Cell(std::to_string(run->seed));
  }
}

}  // namespace

void AddRuns(Node body, const CampaignReport& report) {
  const KernelNames names(report);
  std::vector<const Run*> runs;
  for (const Run& run : report.runs) runs.push_back(&run);
  const auto good = [](const Run* run) {
    return !run->control && run->state == RunState::kDone &&
           (run->verdict == Verdict::kPass || run->verdict == Verdict::kSkip);
  };
  std::ranges::stable_sort(runs, {}, good);
  Node section = Section(body, "runs", "Runs");
  const size_t whole = std::min(runs.size(), kMaxRuns);
  for (size_t i = 0; i < whole; ++i) AddRun(section, report, names, *runs[i]);
  if (whole == runs.size()) return;
  const size_t lines = std::min(runs.size() - whole, kMaxLines);
  const auto begin = runs.begin() + static_cast<std::ptrdiff_t>(whole);
  AddLines(section, names, {begin, begin + static_cast<std::ptrdiff_t>(lines)});
  AddText(section, "p",
          fmt::format("{} runs in all. For the details of a run, see lkctl run show ID or this report in JSON.",
                      runs.size()),
          "dim");
}

}  // namespace lk::report::html
