// SPDX-License-Identifier: Apache-2.0
#include "server/campaign/findings.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "lk/v1/scenario.pb.h"
#include "server/detect/fold.h"
#include "support/quantity.h"

namespace lk::campaign {
namespace {

using detect::Kind;

constexpr size_t kMostFindings = 100;
constexpr size_t kMostOtherCpus = 64;

// A counter or taint flag of the kernel that rose for `counted` may have risen for a report of `reported`: every WARN
// and its kin set TAINT_WARN, every Oops and bad page their flags (kernel/panic.c), and a stall is counted by each
// detector that saw it.
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

// The end of the kernel that it was found in; a reboot is what became of that.
bool IsPanic(const Finding& finding) {
  return (finding.fatal && finding.kind != Kind::kUnexpectedReboot) || finding.kind == Kind::kPanic;
}

// The panic device, or the agent's last words, tell of a panic without its text: a guest panics once.
bool IsBarePanic(const Finding& finding) {
  return finding.kind == Kind::kPanic && !OnConsole(finding);
}

bool CountsAs(const Finding& counted, const Finding& report) {
  if (!counted.counted) return false;
  return counted.kind == report.kind || std::ranges::any_of(kCounted, [&](const Counted& row) {
           return row.counted == counted.kind && row.reported == report.kind;
         });
}

// `effect` is what became of the VM because of `cause`.
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

// `lesser` tells of the event of `fuller` with fewer words.
bool IsLesser(const Finding& lesser, const Finding& fuller) {
  return CountsAs(lesser, fuller) || Explains(fuller, lesser);
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
  if (more.title != kept.title) AddMissing(kept.alt_titles, {more.title});
}

void TakePlace(Finding& kept, Finding& more) {
  more.first_seen = std::min(kept.first_seen, more.first_seen);
  more.phase = kept.phase;
  more.activity = kept.activity;
  std::swap(kept, more);
}

// The same event, told again or by another witness. The console's words are the fullest. What the agent saw of a report
// that the console has too is the same event, so only events of one witness are counted up.
void FoldSame(Finding& kept, Finding more) {
  if (!OnConsole(kept) && OnConsole(more)) {
    TakePlace(kept, more);
  } else if (OnConsole(kept) == OnConsole(more) && Includes(kept.witnesses, more.witnesses)) {
    kept.count += more.count;
  }
  FoldTitles(kept, more);
  FoldSeen(kept, more);
  kept.fatal = kept.fatal || more.fatal;
  kept.tolerated = kept.tolerated && more.tolerated;
  kept.counted = kept.counted && more.counted;
  if (more.distrust.empty()) kept.distrust.clear();
}

// Fewer words of the same event: they add their witness and nothing else, whichever came first.
void FoldLesser(Finding& kept, Finding more, bool kept_is_lesser) {
  if (kept_is_lesser) TakePlace(kept, more);
  FoldSeen(kept, more);
  kept.fatal = kept.fatal || more.fatal;
}

// What the NMI, or a detector that spoke late, shows of a stall or hang that is known: the stacks of the CPUs, and the
// words where nobody had any.
void FoldShown(Finding& kept, Finding shown) {
  FoldTitles(kept, shown);
  FoldSeen(kept, shown);
  if (!OnConsole(kept)) {
    kept.start_offset = shown.start_offset;
    kept.end_offset = shown.end_offset;
    kept.excerpt = (kept.excerpt + "\n" + shown.excerpt).substr(0, kMostExcerpt);
    kept.function = shown.function;
    kept.frames = shown.frames;
    kept.cpu = shown.cpu;
    kept.task = shown.task;
    kept.taint = shown.taint;
    kept.kernel_release = shown.kernel_release;
  } else if (shown.cpu >= 0 && shown.cpu != kept.cpu) {
    shown.others.insert(shown.others.begin(), {shown.cpu, shown.task, shown.function, shown.frames});
  }
  for (detect::CpuStack& stack : shown.others) {
    const auto known = std::ranges::find(kept.others, stack.cpu, &detect::CpuStack::cpu);
    if (stack.cpu == kept.cpu || (stack.cpu >= 0 && known != kept.others.end())) continue;
    if (kept.others.size() < kMostOtherCpus) kept.others.push_back(std::move(stack));
  }
}

// The newest stall or hang that the NMI's answer belongs to.
Finding* FindShown(Evidence& evidence) {
  const auto shown = std::find_if(evidence.findings.rbegin(), evidence.findings.rend(), [](const Finding& kept) {
    return (IsStall(kept.kind) || kept.kind == Kind::kHang) && HeldAgainstKernel(kept);
  });
  return shown == evidence.findings.rend() ? nullptr : &*shown;
}

// A hang that counts and of which the console has told nothing.
Finding* FindSilent(Evidence& evidence) {
  const auto silent = std::ranges::find_if(evidence.findings, [](const Finding& kept) {
    return kept.kind == Kind::kHang && !OnConsole(kept) && HeldAgainstKernel(kept);
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

// The finding of the same event, or nullptr: it is the first that tells of it.
Finding* FindSameEvent(Evidence& evidence, const Finding& finding) {
  const auto meets = std::ranges::find_if(evidence.findings, [&](const Finding& kept) {
    return TitlesMeet(kept, finding) || OneLeadsToTheOther(kept, finding);
  });
  if (meets != evidence.findings.end()) return &*meets;
  const auto related = std::ranges::find_if(evidence.findings, [&](const Finding& kept) {
    // A reboot follows from what came before it.
    return IsLesser(finding, kept) || (IsLesser(kept, finding) && kept.kind != Kind::kUnexpectedReboot);
  });
  return related == evidence.findings.end() ? nullptr : &*related;
}

}  // namespace

bool IsStall(Kind kind) {
  switch (kind) {
    case Kind::kSoftLockup:
    case Kind::kHardLockup:
    case Kind::kRcuStall:
    case Kind::kHungTask:
    case Kind::kWorkqueueLockup:
    case Kind::kSpinlockLockup:
    case Kind::kCsdStall:
      return true;
    default:
      return false;
  }
}

bool HeldAgainstKernel(const Finding& finding) {
  return !finding.tolerated && finding.distrust.empty();
}

bool IsCompleteAndHeld(const Finding& finding) {
  return !finding.open && HeldAgainstKernel(finding);
}

bool IsDistrusted(const Finding& finding) {
  return !finding.tolerated && !finding.distrust.empty();
}

bool OnConsole(const Finding& finding) {
  return finding.end_offset != 0;
}

bool IsTolerated(const Finding& finding, const v1::ScenarioDescriptor& descriptor) {
  return std::ranges::any_of(descriptor.tolerates(), [&](const auto& row) {
    return row.kind() == ToString(finding.kind) && finding.title.find(row.title_literal()) != std::string::npos;
  });
}

std::string PausedFor(absl::Duration pause) {
  return "the VM was paused for " + lk::FormatDuration(pause);
}

Finding AsHang(Finding nmi, const std::string& scenario) {
  nmi.kind = Kind::kHang;
  nmi.title = "hang in " + (nmi.function.empty() ? scenario : nmi.function);
  std::erase(nmi.alt_titles, nmi.title);
  // The kernel ended because it was told to.
  nmi.fatal = false;
  nmi.nmi = true;
  nmi.witnesses = {"console", "hypervisor"};
  return nmi;
}

const Finding* AddFinding(Evidence& evidence, Finding finding, const v1::ScenarioDescriptor& descriptor) {
  finding.open = false;
  finding.tolerated = IsTolerated(finding, descriptor);
  if (OnConsole(finding)) {
    const auto same = std::ranges::find_if(evidence.findings, [&](const Finding& kept) {
      return OnConsole(kept) && kept.kind == finding.kind && kept.start_offset == finding.start_offset &&
             kept.title == finding.title;
    });
    if (same != evidence.findings.end()) {
      // The console record is being read again from its beginning: the reports folded into this one come again too, and
      // are counted anew.
      return std::exchange(same->count, finding.count) != finding.count ? &*same : nullptr;
    }
  }
  if (Finding* shown = ShownByNmi(finding) ? FindShown(evidence) : nullptr) {
    FoldShown(*shown, std::move(finding));
    // What had no name before may turn out to be an earlier one's.
    const auto place = evidence.findings.begin() + (shown - evidence.findings.data());
    const auto earlier = std::find_if(evidence.findings.begin(), place,
                                      [&](const Finding& kept) { return detect::TitlesMeet(kept, *shown); });
    if (earlier == place) return shown;
    Fold(*earlier, *shown);
    evidence.findings.erase(place);
    return &*earlier;
  }
  if (Finding* known = FindSameEvent(evidence, finding)) {
    Fold(*known, finding);
    return known;
  }
  // It stays a hang, for that counts whatever the budgets say.
  const bool spoke_late =
      IsStall(finding.kind) && OnConsole(finding) && !finding.transient && HeldAgainstKernel(finding);
  if (Finding* silent = spoke_late ? FindSilent(evidence) : nullptr) {
    FoldShown(*silent, std::move(finding));
    return silent;
  }
  if (evidence.findings.size() < kMostFindings) {
    evidence.findings.push_back(std::move(finding));
    return &evidence.findings.back();
  }
  Finding& last = evidence.findings.back();
  last.count += finding.count;
  last.last_seen = std::max(last.last_seen, finding.last_seen);
  last.fatal = last.fatal || finding.fatal;
  last.tolerated = last.tolerated && finding.tolerated;
  if (finding.distrust.empty()) last.distrust.clear();
  return &last;
}

}  // namespace lk::campaign
