// SPDX-License-Identifier: Apache-2.0
#include "server/campaign/verdict.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "lk/v1/scenario.pb.h"
#include "server/campaign/emulation_faults.h"
#include "server/campaign/findings.h"
#include "server/detect/fold.h"
#include "support/quantity.h"

namespace lk::campaign {
namespace {

using detect::Kind;

// ---- budgets ----------------------------------------------------------------------------------------------------

struct Statistic {
  std::string_view suffix;
  double quantile;  // 0 = the maximum
};
constexpr std::array<Statistic, 4> kStatistics = {{{"_p50", 0.5}, {"_p90", 0.9}, {"_p99", 0.99}, {"_max", 0}}};

const Statistic* FindStatistic(std::string_view key) {
  const auto* it = std::ranges::find_if(kStatistics, [&](const Statistic& s) { return key.ends_with(s.suffix); });
  return it == kStatistics.end() ? nullptr : it;
}

std::optional<uint64_t> ParseCount(std::string_view text) {
  uint64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return count;
}

// ---- judging ----------------------------------------------------------------------------------------------------

// "Attempted to kill init! exitcode=0x0000000b": do_exit() prints the signal (kernel/exit.c). lk-agent does not
// cause SIGSEGV or SIGBUS, but memory that the kernel has corrupted does.
bool ByBadMemory(const Finding& finding) {
  return finding.excerpt.find("exitcode=0x0000000b") != std::string::npos ||
         finding.excerpt.find("exitcode=0x00000007") != std::string::npos;
}

// A kernel that has booted once with the same initramfs has lost it.
bool AtBoot(const Finding& finding) {
  return finding.phase == ToString(RunState::kBooting);
}

// Findings that are not blamed on the kernel. They decide the verdict only if no finding is blamed on it.
struct NotTheKernels {
  Kind kind;
  std::string_view title_literal;  // empty = any
  Blame blame;
  std::string_view what;
  bool (*only)(const Finding&) = nullptr;  // must be true as well
  Verdict verdict = Verdict::kError;
};
constexpr std::string_view kBadMemory = "memory that the kernel has corrupted would explain this: ";
constexpr std::string_view kNoInitramfs = "the guest did not use its initramfs: ";
constexpr std::array<NotTheKernels, 9> kNotTheKernels = {{
    {Kind::kAgentLost, "trigger killed by SIG", Blame::kTest, kBadMemory, nullptr, Verdict::kUnproven},
    {Kind::kAgentLost, "", Blame::kTest, ""},
    {Kind::kVmCrash, "", Blame::kInfrastructure, ""},
    // lk-agent is PID 1 of the guest, and the kernel panics when PID 1 exits (kernel/exit.c).
    {Kind::kPanic, "Attempted to kill init!", Blame::kTest, kBadMemory, ByBadMemory, Verdict::kUnproven},
    {Kind::kPanic, "Attempted to kill init!", Blame::kTest, "agent died: "},
    // init/do_mounts.c, init/main.c
    {Kind::kPanic, "VFS: Unable to mount root fs", Blame::kTest, kNoInitramfs, AtBoot},
    {Kind::kPanic, "No working init found", Blame::kTest, kNoInitramfs, AtBoot},
    {Kind::kPanic, "Requested init ", Blame::kTest, kNoInitramfs, AtBoot},
    // mm/oom_kill.c: no task is left that may be killed.
    {Kind::kPanic, "System is deadlocked on memory", Blame::kTest, "the guest has too little memory: "},
}};

const NotTheKernels* FindNotTheKernels(const Finding& finding) {
  const auto* row = std::ranges::find_if(kNotTheKernels, [&](const NotTheKernels& candidate) {
    return candidate.kind == finding.kind && finding.title.find(candidate.title_literal) != std::string::npos &&
           (candidate.only == nullptr || candidate.only(finding));
  });
  return row == kNotTheKernels.end() ? nullptr : row;
}

// `fault`: what FindEmulationFault returns for the run.
Blame BlameOf(const Finding* fault, const Finding& finding) {
  if (FollowsFault(fault, finding)) return Blame::kInfrastructure;
  const NotTheKernels* row = FindNotTheKernels(finding);
  return row == nullptr ? Blame::kKernel : row->blame;
}

// What all findings of a run are compared with.
struct Excuses {
  const v1::ScenarioDescriptor& descriptor;
  const known::ListAt& known;
};

// Adds a finding that results from judging, unless the evidence already has it.
void AddOwn(Evidence& evidence, Finding finding, const Excuses& excuses) {
  const bool present = std::ranges::any_of(evidence.findings, [&](const Finding& other) {
    return other.kind == finding.kind && TitlesMeet(other, finding);
  });
  if (present) return;
  AddFinding(evidence, std::move(finding), excuses.descriptor, excuses.known);
}

Finding MakeFinding(Kind kind, std::string title, std::string detail, std::string witness = "agent") {
  Finding finding;
  finding.kind = kind;
  finding.title = std::move(title);
  finding.excerpt = std::move(detail);
  finding.witnesses = {std::move(witness)};
  return finding;
}

void CheckInvariants(Evidence& evidence, const Excuses& excuses) {
  for (const auto& invariant : excuses.descriptor.invariants()) {
    for (Finding& finding : evidence.findings) {
      if (invariant.kind() != ToString(finding.kind) || !HeldAgainstKernel(finding)) continue;
      const std::string title = InvariantTitle(invariant.name());
      if (!detect::HasTitle(finding, title)) finding.alt_titles.push_back(title);
    }
    if (invariant.counter().empty()) continue;
    const auto counter = evidence.counters.find(invariant.counter());
    // Not "value > max", which would accept a NaN from the guest.
    if (counter == evidence.counters.end() || counter->second.value <= invariant.max()) continue;
    Finding finding = MakeFinding(
        Kind::kInvariant, InvariantTitle(invariant.name()),
        fmt::format("{} is {}, expected at most {}: {}{}", invariant.counter(), counter->second.value, invariant.max(),
                    invariant.summary(), counter->second.first.empty() ? "" : "; first: " + counter->second.first));
    finding.distrust = counter->second.distrust;
    AddOwn(evidence, std::move(finding), excuses);
  }
}

// Adds a finding for each latency budget that is exceeded. Returns why a budget could not be checked, or empty.
std::string CheckLatencies(Evidence& evidence, const Excuses& excuses,
                           const std::map<std::string, std::string>& budgets) {
  std::string unknown;
  for (const auto& [key, value] : budgets) {
    Kind kind;
    const Statistic* statistic = FindStatistic(key);
    const StatusOr<absl::Duration> limit = ParseDuration(value);
    if (detect::ParseKind(key, kind) || statistic == nullptr || !limit.ok()) continue;
    const auto latency = evidence.latencies.find(key.substr(0, key.size() - statistic->suffix.size()));
    if (latency == evidence.latencies.end() || latency->second.count() == 0) {
      unknown = fmt::format("budget {}: the probe recorded no samples", key);
      continue;
    }
    const Histogram& histogram = latency->second;
    const uint64_t ns = statistic->quantile > 0 ? histogram.Quantile(statistic->quantile) : histogram.max_ns();
    const absl::Duration measured = absl::Nanoseconds(static_cast<int64_t>(ns));
    if (measured <= *limit) continue;
    Finding finding =
        MakeFinding(Kind::kBudget, fmt::format("budget {} exceeded", key),
                    fmt::format("{} is {}, expected at most {}", key, lk::FormatDuration(measured), value));
    if (evidence.paused_seconds > 0) finding.distrust = PausedFor(absl::Seconds(evidence.paused_seconds));
    AddOwn(evidence, std::move(finding), excuses);
  }
  return unknown;
}

// A budget for a kind of finding allows that many, but never a fatal one.
bool WithinBudget(const Evidence& evidence, const Finding& finding, const std::map<std::string, std::string>& budgets) {
  const auto budget = budgets.find(std::string(ToString(finding.kind)));
  if (budget == budgets.end() || finding.fatal) return false;
  uint64_t count = 0;
  for (const Finding& other : evidence.findings) {
    if (other.kind == finding.kind && HeldAgainstKernel(other)) count += other.count;
  }
  return count <= ParseCount(budget->second).value_or(0);
}

// Findings that the kernel does not survive weigh most, followed by stalls, oopses and hangs.
int Weight(const Finding& finding) {
  if (finding.fatal || finding.kind == Kind::kPanic) return 2;
  return IsStall(finding.kind) || finding.kind == Kind::kOops || finding.kind == Kind::kHang ? 1 : 0;
}

struct Failing {
  const Finding* worst = nullptr;  // the first of those with the greatest weight
  size_t others = 0;
};

Failing FindFailing(const Run& run, const std::map<std::string, std::string>& budgets, Blame blame) {
  const Finding* fault = FindEmulationFault(run);
  Failing failing;
  for (const Finding& finding : run.findings) {
    const bool fails = HeldAgainstKernel(finding) && !WithinBudget(run, finding, budgets);
    if (!fails || BlameOf(fault, finding) != blame) continue;
    if (failing.worst != nullptr) ++failing.others;
    if (failing.worst == nullptr || Weight(finding) > Weight(*failing.worst)) failing.worst = &finding;
  }
  return failing;
}

std::string WithDetail(std::string_view what, const std::string& detail) {
  return detail.empty() ? std::string(what) : fmt::format("{}: {}", what, detail);
}

// Kinds with a generic title, whose details are in the excerpt.
constexpr std::array<Kind, 4> kFiguresInExcerpt = {Kind::kInvariant, Kind::kBudget, Kind::kVmCrash, Kind::kAgentLost};

std::string DescribeFailing(const Run& run, const Failing& failing, const Ending& ending) {
  const Finding* fault = FindEmulationFault(run);
  const bool emulated = FollowsFault(fault, *failing.worst);
  const Finding& worst = emulated ? *fault : *failing.worst;
  const NotTheKernels* row = FindNotTheKernels(worst);
  std::string text = worst.title;
  if (emulated) {
    text = fmt::format("a fault of QEMU's emulation, {}: {}", EmulationFault(worst), worst.title);
  } else if (row != nullptr) {
    text = std::string(row->what) + worst.title;
  }
  const bool hung = ending.kind == Ending::Kind::kHang || ending.kind == Ending::Kind::kStuck;
  if (hung && Weight(worst) > 0) {
    text = WithDetail(text, ending.detail);
  } else if (std::ranges::find(kFiguresInExcerpt, worst.kind) != kFiguresInExcerpt.end() && !OnConsole(worst)) {
    text = WithDetail(text, worst.excerpt);
  }
  if (!worst.witnesses.empty()) text += fmt::format(" (seen by: {})", fmt::join(worst.witnesses, ", "));
  if (failing.others > 0) text += fmt::format(" and {} more", failing.others);
  return text;
}

// The verdict if nothing is held against the kernel and the agent did not report that it was done.
struct EndingRule {
  Ending::Kind kind;
  Verdict verdict;
  Blame blame;
  std::string_view what;
};
constexpr std::array<EndingRule, 12> kEndingRules = {{
    {Ending::Kind::kNeverStarted, Verdict::kMiss, Blame::kInfrastructure, "never started"},
    {Ending::Kind::kVmLost, Verdict::kError, Blame::kInfrastructure, "VM lost"},
    {Ending::Kind::kVmSilent, Verdict::kError, Blame::kInfrastructure, "the hypervisor does not respond"},
    {Ending::Kind::kStarved, Verdict::kError, Blame::kInfrastructure, "the host gave the VM too little CPU time"},
    {Ending::Kind::kAgentLost, Verdict::kError, Blame::kTest, "agent lost"},
    {Ending::Kind::kBootTimeout, Verdict::kError, Blame::kInfrastructure,
     "the agent did not connect within the boot limit"},
    {Ending::Kind::kRunTimeout, Verdict::kError, Blame::kTest, "over the time limit"},
    // The next three apply only if the finding for the hang, the stuck trigger or the fatal event is tolerated, known,
    // distrusted or within its budget.
    {Ending::Kind::kHang, Verdict::kError, Blame::kTest,
     "ended early because of a hang that is not held against the kernel"},
    {Ending::Kind::kStuck, Verdict::kError, Blame::kTest,
     "ended early because the trigger was stuck, which is not held against the kernel"},
    {Ending::Kind::kFatalFinding, Verdict::kError, Blame::kTest,
     "ended early because of a finding that is not held against the kernel"},
    {Ending::Kind::kCancelled, Verdict::kSkip, Blame::kNone, "cancelled"},
    {Ending::Kind::kMisbehaved, Verdict::kError, Blame::kTest, "the agent violated the protocol"},
}};

// The finding for a hang that left nothing on the console, with what the agent and the hypervisor know about it.
Finding SilentHang(const Evidence& evidence, const Ending& ending, const std::string& scenario) {
  Finding hang = MakeFinding(Kind::kHang, "hang in " + scenario, ending.detail);
  const auto registers =
      std::ranges::find(evidence.post_mortem, PostMortemStep::Step::kRegisters, &PostMortemStep::step);
  if (registers != evidence.post_mortem.end() && registers->outcome == PostMortemStep::Outcome::kDone) {
    hang.excerpt = fmt::format("{}\n{}\n{}", ending.detail, registers->detail, registers->text).substr(0, kMaxExcerpt);
    hang.witnesses.emplace_back("hypervisor");
  }
  return hang;
}

// Which part of the trigger's work is missing, or empty if none is.
std::string MissingWork(const Evidence& evidence, const v1::ScenarioDescriptor& descriptor) {
  if (descriptor.required_counters().empty()) return evidence.operations > 0 ? "" : "the trigger did no work";
  for (const std::string& name : descriptor.required_counters()) {
    const auto counter = evidence.counters.find(name);
    if (counter == evidence.counters.end() || !(counter->second.value > 0)) {
      return fmt::format("the trigger did no work: {} is 0", name);
    }
  }
  return {};
}

std::string MissingCanary(const Evidence& evidence) {
  if (evidence.canary_console && evidence.canary_kmsg) return {};
  return fmt::format("the canary was not seen {}", evidence.canary_kmsg ? "on the console"
                                                   : evidence.canary_console
                                                       ? "in the kernel log stream"
                                                       : "on the console or in the kernel log stream");
}

Judgement JudgeDone(const Evidence& evidence, const Ending& ending, const v1::ScenarioDescriptor& descriptor,
                    const std::string& unknown_budget) {
  if (ending.agent_outcome == "skip") return {Verdict::kSkip, Blame::kNone, ending.agent_reason};
  if (ending.agent_outcome != "ok") {
    return {Verdict::kError, Blame::kTest, WithDetail("the agent could not continue", ending.agent_reason)};
  }
  if (std::string missing = MissingWork(evidence, descriptor); !missing.empty()) {
    return {Verdict::kError, Blame::kTest, std::move(missing)};
  }
  if (std::string missing = MissingCanary(evidence); !missing.empty()) {
    return {Verdict::kUnproven, Blame::kInfrastructure, std::move(missing)};
  }
  const auto distrusted = std::ranges::find_if(evidence.findings, IsDistrusted);
  if (distrusted != evidence.findings.end()) {
    return {Verdict::kUnproven, Blame::kInfrastructure,
            fmt::format("{} is not trusted: {}", distrusted->title, distrusted->distrust)};
  }
  // If parts of the scenario were skipped, the missing samples may be theirs.
  if (!unknown_budget.empty() && evidence.skipped_parts.empty())
    return {Verdict::kUnproven, Blame::kTest, unknown_budget};
  return {Verdict::kPass, Blame::kNone, fmt::format("{} operations", evidence.operations)};
}

// "; known: BUG: soft lockup in f (reason) and 2 more", or empty if nothing is known.
std::string DescribeKnown(const Evidence& evidence) {
  const auto first = std::ranges::find_if(evidence.findings, IsKnown);
  if (first == evidence.findings.end()) return {};
  std::string text = fmt::format("; known: {} ({})", first->title, first->known);
  if (const auto more = std::count_if(first + 1, evidence.findings.end(), IsKnown); more > 0) {
    text += fmt::format(" and {} more", more);
  }
  return text;
}

Judgement JudgeEnding(Run& run, const Ending& ending, const Excuses& excuses,
                      const std::map<std::string, std::string>& budgets, const std::string& unknown_budget) {
  if (const Failing failing = FindFailing(run, budgets, Blame::kKernel); failing.worst != nullptr) {
    return {Verdict::kFail, Blame::kKernel, DescribeFailing(run, failing, ending)};
  }
  const auto* rule = std::ranges::find(kEndingRules, ending.kind, &EndingRule::kind);
  if (ending.kind == Ending::Kind::kCancelled || ending.kind == Ending::Kind::kNeverStarted) {
    return {rule->verdict, rule->blame, WithDetail(rule->what, ending.detail)};
  }
  if (ending.kind == Ending::Kind::kAgentLost) {
    AddOwn(run, MakeFinding(Kind::kAgentLost, "agent lost in " + excuses.descriptor.name(), ending.detail), excuses);
  }
  for (const Blame blame : {Blame::kInfrastructure, Blame::kTest}) {
    const Failing failing = FindFailing(run, budgets, blame);
    if (failing.worst == nullptr) continue;
    const NotTheKernels* row = blame == Blame::kTest ? FindNotTheKernels(*failing.worst) : nullptr;
    return {row == nullptr ? Verdict::kError : row->verdict, blame, DescribeFailing(run, failing, ending)};
  }
  if (rule != kEndingRules.end()) return {rule->verdict, rule->blame, WithDetail(rule->what, ending.detail)};
  return JudgeDone(run, ending, excuses.descriptor, unknown_budget);
}

}  // namespace

bool HangExplained(const Run& run, const std::map<std::string, std::string>& budgets) {
  const Finding* fault = FindEmulationFault(run);
  return std::ranges::any_of(run.findings, [&](const Finding& finding) {
    if (Weight(finding) == 0 || BlameOf(fault, finding) != Blame::kKernel) return false;
    return IsKnown(finding) || (HeldAgainstKernel(finding) && !WithinBudget(run, finding, budgets));
  });
}

Judgement Judge(Run& run, const Ending& ending, const v1::ScenarioDescriptor& descriptor,
                const std::map<std::string, std::string>& budgets, const known::ListAt& known) {
  const Excuses excuses{descriptor, known};
  CheckInvariants(run, excuses);
  const std::string unknown_budget = CheckLatencies(run, excuses, budgets);
  // A hang becomes a finding only if no other finding explains it.
  if (ending.kind == Ending::Kind::kHang && !HangExplained(run, budgets)) {
    AddOwn(run, SilentHang(run, ending, descriptor.name()), excuses);
  }
  Judgement judgement = JudgeEnding(run, ending, excuses, budgets, unknown_budget);
  judgement.reason += DescribeKnown(run);
  return judgement;
}

Status CheckBudget(const v1::ScenarioDescriptor& descriptor, const std::string& key, const std::string& value) {
  if (Kind kind; detect::ParseKind(key, kind)) {
    if (ParseCount(value)) return absl::OkStatus();
    return absl::InvalidArgumentError(fmt::format("invalid count \"{}\" (expected a whole number)", value));
  }
  std::vector<std::string> probes;
  for (const auto& probe : descriptor.probes()) probes.push_back(probe.name());
  if (const Statistic* statistic = FindStatistic(key)) {
    const std::string probe = key.substr(0, key.size() - statistic->suffix.size());
    if (std::ranges::find(probes, probe) != probes.end()) return ParseDuration(value).status();
  }
  return absl::InvalidArgumentError(fmt::format(
      "unknown budget \"{}\" for {} (expected a kind of finding, such as soft_lockup, or a probe with _p50, "
      "_p90, _p99 or _max); probes: {}",
      key, descriptor.name(), probes.empty() ? "none" : fmt::format("{}", fmt::join(probes, ", "))));
}

}  // namespace lk::campaign
