// SPDX-License-Identifier: Apache-2.0
#include "server/campaign/findings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "lk/v1/scenario.pb.h"
#include "support/quantity.h"

namespace lk::campaign {
namespace {

using detect::Kind;

constexpr size_t kMaxFindings = 100;

// The host's storage may take this long to serve a request: the timeout of Linux's own SCSI disks (SD_TIMEOUT in
// drivers/scsi/sd.h).
constexpr uint32_t kSlowIoSeconds = 30;

// A kernel counter or taint flag that stands for `counted` may have been raised by an event that is reported as
// `reported`: reports of several kinds set TAINT_WARN, an oops or a bad page sets its own flag (kernel/panic.c), and a
// stall is counted by each detector that notices it.
struct Counted {
  Kind counted, reported;
};
constexpr std::array<Counted, 14> kCounted = {{
    {Kind::kWarning, Kind::kSleepInAtomic},
    {Kind::kWarning, Kind::kSanitizer},
    {Kind::kWarning, Kind::kLockdep},
    {Kind::kOops, Kind::kPanic},
    {Kind::kOops, Kind::kSanitizer},
    {Kind::kSoftLockup, Kind::kHardLockup},
    {Kind::kSoftLockup, Kind::kRcuStall},
    {Kind::kSoftLockup, Kind::kCsdStall},
    {Kind::kHardLockup, Kind::kSoftLockup},
    {Kind::kHardLockup, Kind::kRcuStall},
    {Kind::kHardLockup, Kind::kCsdStall},
    {Kind::kRcuStall, Kind::kSoftLockup},
    {Kind::kRcuStall, Kind::kHardLockup},
    {Kind::kRcuStall, Kind::kCsdStall},
}};

// Whether the finding is of an event that killed the kernel. A reboot is only the consequence of such an event.
bool IsPanic(const Finding& finding) {
  return (finding.fatal && finding.kind != Kind::kUnexpectedReboot) || finding.kind == Kind::kPanic;
}

// A panic without its text, as reported by the panic device or by the agent's last message. A guest panics only once,
// so any report of an event that killed the kernel belongs to the same panic.
bool IsBarePanic(const Finding& finding) {
  return finding.kind == Kind::kPanic && !OnConsole(finding);
}

bool CountsAs(const Finding& counted, const Finding& report) {
  if (!counted.counted) return false;
  return counted.kind == report.kind || std::ranges::any_of(kCounted, [&](const Counted& row) {
           return row.counted == counted.kind && row.reported == report.kind;
         });
}

// Whether `effect` happened to the VM because of `cause`.
bool Explains(const Finding& cause, const Finding& effect) {
  switch (effect.kind) {
    case Kind::kPanic:
      return IsBarePanic(effect) && IsPanic(cause);
    case Kind::kUnexpectedReboot:
      return IsPanic(cause);
    case Kind::kVmCrash:
      return IsPanic(cause) || IsStall(cause.kind) || cause.kind == Kind::kHang;
    default:
      return false;
  }
}

// Whether `lesser` reports the same event as `fuller` in less detail.
bool IsLesser(const Finding& lesser, const Finding& fuller) {
  return CountsAs(lesser, fuller) || Explains(fuller, lesser);
}

// Whether it is the same report on the console, read again.
bool SameReport(const Finding& a, const Finding& b) {
  return a.kind == b.kind && a.start_offset == b.start_offset && a.title == b.title;
}

bool IsHang(const Finding& finding) {
  return IsStall(finding.kind) || finding.kind == Kind::kHang;
}

bool ShownByNmi(const Finding& finding) {
  return finding.kind == Kind::kHang && finding.nmi;
}

void AddMissing(std::vector<std::string>& list, const std::vector<std::string>& more) {
  for (const std::string& one : more) {
    if (!one.empty() && std::ranges::find(list, one) == list.end()) list.push_back(one);
  }
}

bool Includes(const std::vector<std::string>& all, const std::vector<std::string>& some) {
  return std::ranges::all_of(some, [&](const std::string& one) { return std::ranges::find(all, one) != all.end(); });
}

void FoldSeen(Finding& kept, const Finding& more) {
  AddMissing(kept.witnesses, more.witnesses);
  kept.last_seen = std::max(kept.last_seen, more.last_seen);
  kept.seconds_stuck = std::max(kept.seconds_stuck, more.seconds_stuck);
}

void FoldTitles(Finding& kept, const Finding& more) {
  AddMissing(kept.alt_titles, more.alt_titles);
  // A title without a function is useless for searching.
  if (!more.corrupted) AddMissing(kept.alt_titles, {more.title});
  std::erase(kept.alt_titles, kept.title);
}

void FoldKnown(Finding& kept, const Finding& more) {
  if (kept.known.empty()) kept.known = more.known;
}

void TakePlace(Finding& kept, Finding& more) {
  more.first_seen = std::min(kept.first_seen, more.first_seen);
  more.phase = kept.phase;
  more.activity = kept.activity;
  std::swap(kept, more);
}

// Folds everything except the text and the count.
void FoldRest(Finding& kept, const Finding& more) {
  FoldTitles(kept, more);
  FoldSeen(kept, more);
  kept.fatal = kept.fatal || more.fatal;
  // Only the console tells when a stall is over.
  kept.tolerated = kept.tolerated && (more.tolerated || (kept.transient && !OnConsole(more)));
  kept.counted = kept.counted && more.counted;
  if (IsHang(kept) && IsHang(more)) FoldKnown(kept, more);
  // A copy of a report on the console may come late, and then does not tell when the stall was.
  if (more.distrust.empty() && OnConsole(kept) == OnConsole(more)) kept.distrust.clear();
}

// Folds a report of the same event, from the same or another witness. The console has the most detail. If the agent and
// the console both report an event, it happened only once, so counts are added only if the witness is the same.
void FoldSame(Finding& kept, Finding more) {
  if (!OnConsole(kept) && OnConsole(more)) {
    TakePlace(kept, more);
  } else if (OnConsole(kept) == OnConsole(more) && Includes(kept.witnesses, more.witnesses)) {
    kept.count += more.count;
  }
  FoldRest(kept, more);
}

// Folds a less detailed report of the same event with the full one, whichever came first. The less detailed one adds
// its witness, but no title or text.
void FoldLesser(Finding& kept, Finding more, bool kept_is_lesser) {
  if (kept_is_lesser) TakePlace(kept, more);
  FoldSeen(kept, more);
  kept.fatal = kept.fatal || more.fatal;
}

// Adds what the NMI, or a detector that fired late, shows of a known stall or hang: the stacks of the CPUs and, if
// nothing was on the console before, the text.
void FoldShown(Finding& kept, Finding shown) {
  FoldTitles(kept, shown);
  FoldSeen(kept, shown);
  FoldKnown(kept, shown);
  if (!OnConsole(kept)) {
    kept.start_offset = shown.start_offset;
    kept.end_offset = shown.end_offset;
    kept.excerpt = (kept.excerpt + "\n" + shown.excerpt).substr(0, kMaxExcerpt);
    kept.function = shown.function;
    kept.frames = shown.frames;
    kept.cpu = shown.cpu;
    kept.task = shown.task;
    kept.taint = shown.taint;
    kept.kernel_release = shown.kernel_release;
    kept.victim = shown.victim;
    kept.culprit = shown.culprit;
    kept.architecture = shown.architecture;
    kept.modules = shown.modules;
  } else if (shown.cpu >= 0 && shown.cpu != kept.cpu) {
    shown.others.insert(shown.others.begin(), {shown.cpu, shown.task, shown.function, shown.frames});
  }
  AddStacks(kept, std::move(shown.others));
}

// Replaces what was known from the console with the finding from the whole console.
void FoldConsole(Finding& kept, Finding whole) {
  TakePlace(kept, whole);
  FoldRest(kept, whole);
  AddStacks(kept, std::move(whole.others));
}

// The latest stall or hang that shows a fault. The output of an NMI belongs to it.
Finding* FindShown(Evidence& evidence) {
  const auto shown = std::find_if(evidence.findings.rbegin(), evidence.findings.rend(),
                                  [](const Finding& kept) { return IsHang(kept) && ShowsFault(kept); });
  return shown == evidence.findings.rend() ? nullptr : &*shown;
}

// A hang that shows a fault and left nothing on the console.
Finding* FindSilent(Evidence& evidence) {
  const auto silent = std::ranges::find_if(evidence.findings, [](const Finding& kept) {
    return kept.kind == Kind::kHang && !OnConsole(kept) && ShowsFault(kept);
  });
  return silent == evidence.findings.end() ? nullptr : &*silent;
}

void Fold(Finding& kept, const Finding& more) {
  const bool more_is_lesser = IsLesser(more, kept);
  if (more_is_lesser || IsLesser(kept, more)) {
    FoldLesser(kept, more, !more_is_lesser);
  } else {
    FoldSame(kept, more);
  }
}

// The known finding of the same event, or nullptr if this is the first report of the event.
Finding* FindSameEvent(Evidence& evidence, const Finding& finding) {
  const auto meets = std::ranges::find_if(evidence.findings, [&](const Finding& kept) {
    return TitlesMeet(kept, finding) || OneLeadsToTheOther(kept, finding);
  });
  if (meets != evidence.findings.end()) return &*meets;
  const auto related = std::ranges::find_if(evidence.findings, [&](const Finding& kept) {
    // A reboot cannot be the consequence of something that happened after it.
    return IsLesser(finding, kept) || (IsLesser(kept, finding) && kept.kind != Kind::kUnexpectedReboot);
  });
  return related == evidence.findings.end() ? nullptr : &*related;
}

}  // namespace

bool ShowsFault(const Finding& finding) {
  return !finding.tolerated && finding.distrust.empty();
}

bool HeldAgainstKernel(const Finding& finding) {
  return ShowsFault(finding) && finding.known.empty();
}

bool IsKnown(const Finding& finding) {
  return ShowsFault(finding) && !finding.known.empty();
}

bool IsCompleteAndHeld(const Finding& finding) {
  return !finding.open && HeldAgainstKernel(finding);
}

bool IsDistrusted(const Finding& finding) {
  return !finding.tolerated && finding.known.empty() && !finding.distrust.empty();
}

bool OnConsole(const Finding& finding) {
  return finding.end_offset != 0;
}

bool IsTolerated(const Finding& finding, const v1::ScenarioDescriptor& descriptor) {
  return std::ranges::any_of(descriptor.tolerates(), [&](const auto& row) {
    return row.kind() == ToString(finding.kind) && finding.title.find(row.title_literal()) != std::string::npos;
  });
}

std::string InvariantTitle(std::string_view name) {
  return "invariant " + std::string(name);
}

std::string PausedFor(absl::Duration pause) {
  return "the VM was paused for " + lk::FormatDuration(pause);
}

std::string DelayedFor(size_t vcpu, absl::Duration lost, absl::Duration of) {
  return fmt::format("the host gave vCPU {} no CPU time for {} of {}", vcpu, lk::FormatDuration(lost),
                     lk::FormatDuration(of));
}

std::string StolenFor(size_t cpu, absl::Duration lost, absl::Duration of) {
  return fmt::format("{} of {} were stolen from CPU {}", lk::FormatDuration(lost), lk::FormatDuration(of), cpu);
}

std::string WhyIoIsDistrusted(const Finding& finding) {
  if (finding.kind != Kind::kHungTask || finding.seconds_stuck == 0 || finding.seconds_stuck >= kSlowIoSeconds)
    return {};
  // io_schedule() and io_schedule_timeout() (kernel/sched/core.c)
  const bool io = std::ranges::any_of(
      finding.frames, [](const detect::Frame& frame) { return frame.function.starts_with("io_schedule"); });
  if (!io) return {};
  return fmt::format("the task waits for I/O, which the host may delay, and for less than {} s", kSlowIoSeconds);
}

Finding AsHang(Finding nmi, const std::string& scenario) {
  nmi.kind = Kind::kHang;
  nmi.title = "hang in " + (nmi.function.empty() ? scenario : nmi.function);
  std::erase(nmi.alt_titles, nmi.title);
  // The kernel panicked only because of the NMI.
  nmi.fatal = false;
  nmi.nmi = true;
  nmi.witnesses = {"console", "hypervisor"};
  return nmi;
}

const detect::Cause& ConsoleReports::Add(const Finding& report) {
  const bool again =
      std::ranges::any_of(reports_, [&](const detect::Cause& known) { return SameReport(known.finding, report); });
  if (!again) {
    reports_.push_back({report, {report.start_offset}});
    causes_ = detect::Fold(reports_);
    if (reports_.size() >= folded_ + std::max(kUnfolded, folded_)) {
      reports_ = causes_;
      for (detect::Cause& kept : reports_) kept.reports = {kept.finding.start_offset};
      folded_ = reports_.size();
    }
  }
  return *std::ranges::find_if(causes_, [&](const detect::Cause& cause) {
    return std::ranges::find(cause.reports, report.start_offset) != cause.reports.end();
  });
}

const detect::Cause* ConsoleReports::End(uint64_t start_offset, const TransientStalls& transient) {
  const auto ended = std::ranges::find_if(reports_, [&](const detect::Cause& report) {
    return report.reports == std::vector<uint64_t>{start_offset} && report.finding.count == 1;
  });
  if (ended == reports_.end()) return nullptr;
  ended->finding.transient = true;
  ended->finding.tolerated = ended->finding.tolerated || transient.Ignore(ended->finding);
  causes_ = detect::Fold(reports_);
  return &*std::ranges::find_if(causes_, [&](const detect::Cause& cause) {
    return std::ranges::find(cause.reports, start_offset) != cause.reports.end();
  });
}

const Finding* AddFinding(Evidence& evidence, Finding finding, const v1::ScenarioDescriptor& descriptor,
                          const known::ListAt& known, const TransientStalls& transient) {
  finding.open = false;
  finding.tolerated = IsTolerated(finding, descriptor) || transient.Ignore(finding);
  finding.known = known.ReasonFor(finding);
  if (OnConsole(finding)) {
    const auto same = std::ranges::find_if(
        evidence.findings, [&](const Finding& kept) { return OnConsole(kept) && SameReport(kept, finding); });
    if (same != evidence.findings.end()) {
      // The console log is being reread from the beginning: the reports that were folded into `same` will follow,
      // and are counted again.
      return std::exchange(same->count, finding.count) != finding.count ? &*same : nullptr;
    }
  }
  if (Finding* shown = ShownByNmi(finding) ? FindShown(evidence) : nullptr) {
    FoldShown(*shown, std::move(finding));
    // With the titles from the NMI, the finding may match an earlier finding.
    const auto place = evidence.findings.begin() + (shown - evidence.findings.data());
    const auto earlier = std::find_if(evidence.findings.begin(), place,
                                      [&](const Finding& kept) { return detect::TitlesMeet(kept, *shown); });
    if (earlier == place) return shown;
    Fold(*earlier, *shown);
    evidence.findings.erase(place);
    return &*earlier;
  }
  if (Finding* same = FindSameEvent(evidence, finding)) {
    Fold(*same, finding);
    return same;
  }
  // The finding remains a hang, so that a budget for this kind of stall does not apply to it.
  const bool spoke_late = IsStall(finding.kind) && OnConsole(finding) && !finding.transient && ShowsFault(finding);
  if (Finding* silent = spoke_late ? FindSilent(evidence) : nullptr) {
    FoldShown(*silent, std::move(finding));
    return silent;
  }
  if (evidence.findings.size() < kMaxFindings) {
    evidence.findings.push_back(std::move(finding));
    return &evidence.findings.back();
  }
  Finding& last = evidence.findings.back();
  last.count += finding.count;
  last.last_seen = std::max(last.last_seen, finding.last_seen);
  last.fatal = last.fatal || finding.fatal;
  last.tolerated = last.tolerated && finding.tolerated;
  if (finding.known.empty()) last.known.clear();
  if (finding.distrust.empty()) last.distrust.clear();
  return &last;
}

const Finding* AddReport(Evidence& evidence, ConsoleReports& console, Finding report,
                         const v1::ScenarioDescriptor& descriptor, const known::ListAt& known,
                         const TransientStalls& transient) {
  const auto add = [&] { return AddFinding(evidence, std::move(report), descriptor, known, transient); };
  if (evidence.findings.size() >= kMaxFindings) return add();
  report.open = false;
  report.tolerated = IsTolerated(report, descriptor) || transient.Ignore(report);
  report.known = known.ReasonFor(report);
  const auto again = std::ranges::find_if(
      evidence.findings, [&](const Finding& kept) { return OnConsole(kept) && SameReport(kept, report); });
  if (again != evidence.findings.end()) {
    report.first_seen = again->first_seen;
    report.last_seen = again->last_seen;
  }
  const detect::Cause& cause = console.Add(report);
  const auto other = [&](const Finding& kept) {
    return !OnConsole(kept) || std::ranges::find(cause.reports, kept.start_offset) == cause.reports.end();
  };
  const auto kept = std::ranges::find_if_not(evidence.findings, other);
  if (kept == evidence.findings.end()) return add();

  const Finding before = *kept;
  // A hang remains one, so that a budget for this kind of stall does not apply to it.
  if (kept->kind == Kind::kHang) {
    kept->fatal = kept->fatal || report.fatal;
    FoldShown(*kept, std::move(report));
  } else {
    FoldConsole(*kept, cause.finding);
  }
  const auto also = std::stable_partition(kept + 1, evidence.findings.end(), other);
  for (auto one = also; one != evidence.findings.end(); ++one) {
    FoldRest(*kept, *one);
    AddStacks(*kept, std::move(one->others));
  }
  evidence.findings.erase(also, evidence.findings.end());
  return *kept == before ? nullptr : &*kept;
}

const Finding* EndStall(Evidence& evidence, ConsoleReports& console, uint64_t start_offset,
                        const TransientStalls& transient) {
  const detect::Cause* cause = console.End(start_offset, transient);
  if (cause == nullptr || !cause->finding.transient) return nullptr;
  const auto kept = std::ranges::find_if(evidence.findings, [&](const Finding& finding) {
    return OnConsole(finding) && IsStall(finding.kind) &&
           std::ranges::find(cause->reports, finding.start_offset) != cause->reports.end();
  });
  if (kept == evidence.findings.end() || std::exchange(kept->transient, true)) return nullptr;
  kept->tolerated = kept->tolerated || cause->finding.tolerated;
  return &*kept;
}

}  // namespace lk::campaign
