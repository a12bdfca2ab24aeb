// SPDX-License-Identifier: Apache-2.0
#include "server/campaign/types.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "support/verdict.h"

namespace lk::campaign {
namespace {

// The words of an enumeration, in the order of its values.
template <typename Enum, size_t N>
struct Words {
  std::string_view what;
  std::array<std::string_view, N> words;

  constexpr std::string_view operator[](Enum value) const { return words[static_cast<size_t>(value)]; }

  StatusOr<Enum> Parse(std::string_view text) const {
    const auto it = std::ranges::find(words, text);
    if (it != words.end()) return static_cast<Enum>(it - words.begin());
    std::string all;
    for (const std::string_view word : words) {
      if (!word.empty() && !all.ends_with(word)) all += fmt::format("{}{}", all.empty() ? "" : ", ", word);
    }
    return absl::InvalidArgumentError(fmt::format("invalid {} \"{}\" (expected one of {})", what, text, all));
  }
};

constexpr Words<Verdict, 6> kVerdicts = {"verdict", {"pass", "fail", "error", "miss", "skip", "unproven"}};
constexpr Words<Blame, 4> kBlames = {"blame", {"", "kernel", "test", "infrastructure"}};
// kAwaitingControls has the same word as kFinishing, which is parsed as kFinishing.
constexpr Words<RunState, 7> kRunStates = {
    "run state", {"queued", "preparing", "booting", "running", "finishing", "finishing", "done"}};
constexpr Words<Ending::Kind, 13> kEndings = {
    "ending",
    {"done", "never started", "VM lost", "agent lost", "boot time-out", "run time-out", "VM silent", "starved", "hang",
     "stuck", "fatal finding", "cancelled", "misbehaved"}};
constexpr Words<PostMortemStep::Step, 5> kSteps = {"post-mortem step",
                                                   {"drain", "registers", "nmi", "dump", "destroy"}};
constexpr Words<PostMortemStep::Outcome, 3> kOutcomes = {"step outcome", {"done", "failed", "skipped"}};
constexpr Words<CampaignState, 4> kCampaignStates = {"campaign state", {"queued", "running", "finished", "cancelled"}};
constexpr Words<Arch, 2> kArchs = {"architecture", {"x86_64", "aarch64"}};
constexpr Words<Host::State, 3> kHostStates = {"host state", {"up", "down", "drained"}};

// Where each verdict is counted, worst first.
struct Tally {
  Verdict verdict;
  uint32_t Counts::*count;
};
constexpr std::array<Tally, kWorstVerdictFirst.size()> kWorstFirst = {{
    {Verdict::kFail, &Counts::fail},
    {Verdict::kError, &Counts::error},
    {Verdict::kMiss, &Counts::miss},
    {Verdict::kUnproven, &Counts::unproven},
    {Verdict::kPass, &Counts::pass},
    {Verdict::kSkip, &Counts::skip},
}};
static_assert(std::ranges::equal(kWorstFirst, kWorstVerdictFirst, {},
                                 [](const Tally& tally) { return kVerdicts[tally.verdict]; }));

}  // namespace

std::string_view ToString(Verdict verdict) {
  return kVerdicts[verdict];
}
std::string_view ToString(Blame blame) {
  return kBlames[blame];
}
std::string_view ToString(RunState state) {
  return kRunStates[state];
}
std::string_view ToString(Ending::Kind kind) {
  return kEndings[kind];
}
std::string_view ToString(PostMortemStep::Step step) {
  return kSteps[step];
}
std::string_view ToString(PostMortemStep::Outcome outcome) {
  return kOutcomes[outcome];
}
std::string_view ToString(CampaignState state) {
  return kCampaignStates[state];
}
std::string_view ToString(Arch arch) {
  return kArchs[arch];
}
std::string_view ToString(Host::State state) {
  return kHostStates[state];
}

StatusOr<Verdict> ParseVerdict(std::string_view text) {
  return kVerdicts.Parse(text);
}
StatusOr<Blame> ParseBlame(std::string_view text) {
  return kBlames.Parse(text);
}
StatusOr<RunState> ParseRunState(std::string_view text) {
  return kRunStates.Parse(text);
}
StatusOr<Ending::Kind> ParseEnding(std::string_view text) {
  return kEndings.Parse(text);
}
StatusOr<PostMortemStep::Step> ParseStep(std::string_view text) {
  return kSteps.Parse(text);
}
StatusOr<PostMortemStep::Outcome> ParseOutcome(std::string_view text) {
  return kOutcomes.Parse(text);
}
StatusOr<CampaignState> ParseCampaignState(std::string_view text) {
  return kCampaignStates.Parse(text);
}
StatusOr<Arch> ParseArch(std::string_view text) {
  return kArchs.Parse(text);
}
StatusOr<Host::State> ParseHostState(std::string_view text) {
  return kHostStates.Parse(text);
}

Cell CellOf(const Asked& run) {
  return {run.kernel_id, run.profile, run.scenario};
}

std::string CommitOf(const KernelBuild& kernel) {
  constexpr size_t kShortest = 7;
  constexpr size_t kLongest = 40;
  constexpr size_t kSha256 = 64;
  const auto digits = [](std::string_view text) {
    return text.substr(0, std::min(text.find_first_not_of("0123456789abcdef"), text.size()));
  };
  if (const auto label = kernel.labels.find("commit"); label != kernel.labels.end()) {
    const std::string_view commit = label->second;
    const bool fits = (commit.size() >= kShortest && commit.size() <= kLongest) || commit.size() == kSha256;
    return digits(commit) == commit && fits ? label->second : "";
  }
  const std::string_view release = kernel.release;
  for (size_t at = release.find("-g"); at != release.npos; at = release.find("-g", at + 1)) {
    const std::string_view commit = digits(release.substr(at + 2));
    const size_t end = at + 2 + commit.size();
    const bool whole = end == release.size() || release[end] == '-' || release[end] == '+';
    if (whole && commit.size() >= kShortest && commit.size() <= kLongest) return std::string(commit);
  }
  return {};
}

void Counts::Add(const Outcome& outcome, bool control, uint32_t runs) {
  if (outcome.superseded) {
    superseded += runs;
    return;
  }
  if (control) {
    controls += runs;
    return;
  }
  total += runs;
  if (outcome.state != RunState::kDone) {
    pending += runs;
    return;
  }
  const auto* tally = std::ranges::find(kWorstFirst, outcome.verdict, &Tally::verdict);
  this->*tally->count += runs;
}

Counts Count(const std::vector<Run>& runs) {
  Counts counts;
  for (const Run& run : runs) counts.Add(run, run.control);
  return counts;
}

Verdict WorstVerdict(const Counts& counts) {
  const auto* worst = std::ranges::find_if(kWorstFirst, [&](const Tally& tally) { return counts.*tally.count > 0; });
  return worst == kWorstFirst.end() ? Verdict::kError : worst->verdict;
}

}  // namespace lk::campaign
