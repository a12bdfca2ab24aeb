// SPDX-License-Identifier: Apache-2.0
// Findings: those held against a kernel first, then by the number of runs.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "server/campaign/findings.h"
#include "server/report/html_parts.h"
#include "server/report/outcome.h"

namespace lk::report::html {
namespace {

using campaign::Finding;
using campaign::Run;

constexpr size_t kMaxCards = 100;
constexpr size_t kFrames = 6;
constexpr size_t kMaxLinks = 12;

// All findings with the same title.
struct Group {
  const Finding* finding = nullptr;  // the one with the most frames
  std::vector<const Run*> runs;
  std::set<std::string> kernels, scenarios;
  bool counts = false;   // held against the kernel in at least one run that is not a control
  bool control = false;  // only in runs of mutants
};

std::vector<Group> Groups(const CampaignReport& report) {
  const KernelNames names(report);
  std::vector<Group> groups;
  std::map<std::string, size_t> by_title;
  for (const Run& run : report.runs) {
    for (const Finding& finding : run.findings) {
      const std::string title = finding.title.empty() ? std::string(detect::ToString(finding.kind)) : finding.title;
      const auto [it, added] = by_title.try_emplace(title, groups.size());
      if (added)
        groups.push_back(
            {.finding = &finding, .runs = {}, .kernels = {}, .scenarios = {}, .counts = false, .control = true});
      Group& group = groups[it->second];
      if (finding.frames.size() > group.finding->frames.size()) group.finding = &finding;
      if (group.runs.empty() || group.runs.back() != &run) group.runs.push_back(&run);
      group.kernels.insert(names.Of(run));
      group.scenarios.insert(run.scenario);
      group.counts = group.counts || (campaign::HeldAgainstKernel(finding) && !run.control);
      group.control = group.control && run.control;
    }
  }
  std::ranges::stable_sort(groups, [](const Group& a, const Group& b) {
    return std::pair(a.counts, a.runs.size()) > std::pair(b.counts, b.runs.size());
  });
  return groups;
}

std::string Joined(const std::set<std::string>& words) {
  return fmt::format("{}", fmt::join(words, ", "));
}

// "in crash_handle_hotplug_event at kernel/crash_core.c:512"
void AddWhere(Node card, const Finding& finding) {
  if (finding.function.empty()) return;
  Node where = Add(card, "p", "where mono");
  Text(where, "in ");
  AddText(where, "b", finding.function);
  for (const detect::Frame& frame : finding.frames) {
    if (!Names(finding, frame)) continue;
    if (!frame.module.empty()) Text(where, " [" + frame.module + "]");
    if (!frame.location.empty()) Text(where, " at " + frame.location);
    break;
  }
}

std::string Remarks(const Finding& finding) {
  std::string text(detect::ToString(finding.kind));
  if (finding.cpu >= 0) text += fmt::format(", CPU {}", finding.cpu);
  if (!finding.task.empty()) text += ", task " + finding.task;
  if (finding.seconds_stuck > 0) text += fmt::format(", stuck for {}s", finding.seconds_stuck);
  if (!finding.taint.empty()) text += ", " + finding.taint;
  if (!finding.witnesses.empty()) text += fmt::format(", seen by {}", fmt::join(finding.witnesses, ", "));
  if (!finding.activity.empty()) text += ", while the trigger reported: " + finding.activity;
  if (finding.corrupted) text += ", unreliable stack";
  if (finding.counted) text += ", seen only in a kernel counter or the taint flags";
  return text;
}

void AddCard(Node section, const Group& group) {
  const Finding& finding = *group.finding;
  Node card = Add(section, "article", group.counts ? "card fail" : "card");
  AddText(card, "h3", finding.title.empty() ? detect::ToString(finding.kind) : finding.title, "title");
  AddWhere(card, finding);
  AddFrames(card, finding, kFrames);
  AddText(card, "p", Remarks(finding), "dim");
  AddExcuse(card, finding);
  AddParties(card, finding);
  Node seen = Add(card, "p");
  Text(seen, fmt::format("{} on {}, {} run{}: ", Joined(group.scenarios), Joined(group.kernels), group.runs.size(),
                         group.runs.size() == 1 ? "" : "s"));
  for (size_t i = 0; i < std::min(group.runs.size(), kMaxLinks); ++i) {
    if (i > 0) Text(seen, ", ");
    RunLink(seen, *group.runs[i]);
    Text(seen, Marks(group.runs[i]->emulated, group.runs[i]->harness));
  }
  if (group.runs.size() > kMaxLinks) Text(seen, " ...");
  if (!finding.excerpt.empty()) Pre(Details(card, "What the kernel printed"), finding.excerpt);
}

std::string Describe(const detect::Party& party) {
  std::string text = party.cpu < 0 ? "" : fmt::format("CPU {}", party.cpu);
  if (!party.task.empty()) text += (text.empty() ? "task " : ", task ") + party.task;
  if (!party.function.empty()) text += (text.empty() ? "in " : ", in ") + party.function;
  return text;
}

}  // namespace

void AddExcuse(Node parent, const Finding& finding) {
  if (finding.transient) AddText(parent, "p", "Transient: the kernel has printed that it is over.", "dim");
  if (finding.tolerated) {
    AddText(parent, "p",
            fmt::format("Tolerated{}: does not make the run fail.", finding.transient ? "" : " by the scenario"),
            "dim");
  } else if (!finding.known.empty()) {
    AddText(parent, "p", "Known, does not make the run fail: " + finding.known, "dim");
  }
  if (!finding.distrust.empty()) AddText(parent, "p", "Not held against the kernel: " + finding.distrust, "dim");
}

void AddParties(Node parent, const Finding& finding) {
  if (finding.victim) AddText(parent, "p", "Waiting: " + Describe(*finding.victim), "mono");
  if (finding.culprit) AddText(parent, "p", "Waits for: " + Describe(*finding.culprit), "mono");
}

void AddFrames(Node parent, const Finding& finding, size_t most) {
  if (finding.frames.empty()) return;
  Node list = Add(parent, "ol", "frames mono");
  for (size_t i = 0; i < std::min(finding.frames.size(), most); ++i) {
    const detect::Frame& frame = finding.frames[i];
    Node item = Add(list, "li");
    if (Names(finding, frame)) {
      AddText(item, "b", FormatFrame(frame));
    } else {
      Text(item, FormatFrame(frame));
    }
  }
  if (finding.frames.size() > most) {
    AddText(list, "li", fmt::format("... {} more, shown with the run", finding.frames.size() - most), "dim");
  }
}

void AddFindings(Node body, const CampaignReport& report) {
  const std::vector<Group> groups = Groups(report);
  if (groups.empty()) return;
  Node section = Section(body, "findings", "Findings");
  size_t shown = 0;
  for (const Group& group : groups) {
    if (!group.control && shown++ < kMaxCards) AddCard(section, group);
  }
  if (shown == 0) AddText(section, "p", "No findings except those expected from mutants.");
  if (shown > kMaxCards)
    AddText(section, "p", fmt::format("{} more are shown with their runs.", shown - kMaxCards), "dim");
  if (std::ranges::none_of(groups, &Group::control)) return;
  Node wanted = Details(section, "Found in mutants, as expected");
  for (const Group& group : groups) {
    if (group.control) AddCard(wanted, group);
  }
}

}  // namespace lk::report::html
