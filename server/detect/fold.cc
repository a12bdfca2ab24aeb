// SPDX-License-Identifier: Apache-2.0
#include "server/detect/fold.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

#include "server/detect/functions.h"

namespace lk::detect {
namespace {

bool OfAStuckCpu(Kind kind) {
  return kind == Kind::kSoftLockup || kind == Kind::kHardLockup || kind == Kind::kRcuStall || kind == Kind::kCsdStall;
}

bool WaitsForGracePeriod(const Finding& hung) {
  return std::ranges::any_of(hung.frames,
                             [](const Frame& frame) { return RolesOf(frame.function).Any(Role::kGracePeriod); });
}

bool LeadsTo(const Finding& stall, const Finding& effect) {
  switch (effect.kind) {
    case Kind::kWorkqueueLockup:
      return OfAStuckCpu(stall.kind) && stall.cpu >= 0 && stall.cpu == effect.cpu;
    case Kind::kHungTask:
      return stall.kind == Kind::kRcuStall && WaitsForGracePeriod(effect);
    default:
      return false;
  }
}

// Alternate titles that different causes can share: those without a function, or with one that everybody calls.
bool IsShared(std::string_view title) {
  const size_t in = title.rfind(" in ");
  if (in == std::string_view::npos || title.starts_with("kernel panic: ")) return true;
  const Roles roles = RolesOf(title.substr(in + 4));
  return roles.Any(Role::kHelper | Role::kDispatch) && title.substr(0, in) != "stall";
}

}  // namespace

bool HasTitle(const Finding& finding, std::string_view title) {
  return finding.title == title || std::ranges::find(finding.alt_titles, title) != finding.alt_titles.end();
}

bool TitlesMeet(const Finding& a, const Finding& b) {
  const auto meets = [](const Finding& finding, const std::string& title) {
    return !title.empty() && HasTitle(finding, title);
  };
  return meets(a, b.title) || meets(b, a.title) ||
         std::ranges::any_of(b.alt_titles, [&](const auto& title) { return !IsShared(title) && meets(a, title); });
}

bool OneLeadsToTheOther(const Finding& a, const Finding& b) {
  return LeadsTo(a, b) || LeadsTo(b, a);
}

bool Follows(const Finding& earlier, const Finding& panic) {
  if (!panic.fatal || !panic.function.empty() || panic.nmi || earlier.fatal) return false;
  if (panic.kind != Kind::kPanic) return panic.kind == earlier.kind;
  // arch/x86/kernel/dumpstack.c (oops_end), arch/arm64/kernel/traps.c (die), kernel/panic.c (check_panic_on_warn)
  const bool oops = earlier.kind == Kind::kOops || earlier.kind == Kind::kSanitizer;
  const bool warning = earlier.kind == Kind::kWarning || earlier.kind == Kind::kSanitizer;
  return (oops && panic.title.starts_with("kernel panic: Fatal exception")) ||
         (warning && panic.title.find("panic_on_warn set") != std::string::npos);
}

bool Announces(const Finding& warning, const Finding& oops) {
  return warning.kind == Kind::kWarning && oops.kind == Kind::kOops && !oops.function.empty() &&
         warning.function == oops.function && warning.task == oops.task && warning.end_offset == oops.start_offset;
}

void AddStacks(Finding& kept, std::vector<CpuStack> stacks) {
  for (CpuStack& stack : stacks) {
    const auto same = [&](const CpuStack& known) {
      return stack.cpu < 0 ? known.task == stack.task : known.cpu == stack.cpu;
    };
    const bool own = stack.cpu < 0 ? stack.task == kept.task : stack.cpu == kept.cpu;
    if (own || std::ranges::any_of(kept.others, same)) continue;
    if (kept.others.size() < Finding::kMaxOthers) kept.others.push_back(std::move(stack));
  }
}

void FoldInto(Finding& kept, Finding more) {
  // A report with a stack names what one without cannot, and an oops is graver than the warning before it.
  const bool better = kept.corrupted && !more.corrupted;
  const bool graver = kept.kind == Kind::kWarning && more.kind == Kind::kOops && !more.corrupted;
  if (better || graver) std::swap(kept, more);
  const auto add = [&](std::string title) {
    if (!HasTitle(kept, title)) kept.alt_titles.push_back(std::move(title));
  };
  // A title that contains "in corrupted" is useless for searching.
  if (!more.corrupted) add(std::move(more.title));
  for (std::string& title : more.alt_titles) add(std::move(title));
  if (!kept.culprit) {
    kept.victim = std::move(more.victim);
    kept.culprit = std::move(more.culprit);
  }
  AddStacks(kept, std::move(more.others));
  kept.count += more.count;
  kept.seconds_stuck = std::max(kept.seconds_stuck, more.seconds_stuck);
  kept.fatal = kept.fatal || more.fatal;
  kept.saturated = kept.saturated || more.saturated;
  kept.transient = kept.transient && more.transient;
  kept.first_seen = std::min(kept.first_seen, more.first_seen);
  kept.last_seen = std::max(kept.last_seen, more.last_seen);
  kept.tolerated = kept.tolerated && more.tolerated;
  if (more.distrust.empty()) kept.distrust.clear();
  // Detectors title the same hang differently. Any other report may be only a consequence of `kept`.
  if (kept.known.empty() && IsStall(kept.kind) && IsStall(more.kind)) kept.known = more.known;
}

std::vector<Cause> Fold(std::vector<Cause> causes) {
  const auto fold_into = [](Cause& kept, Cause more) {
    FoldInto(kept.finding, std::move(more.finding));
    kept.reports.insert(kept.reports.end(), more.reports.begin(), more.reports.end());
  };
  std::ranges::stable_sort(causes, {}, [](const Cause& cause) { return cause.finding.start_offset; });
  // First fold each panic into the report that it follows, before findings of different kinds are folded.
  for (size_t i = 1; i < causes.size();) {
    const auto before = std::make_reverse_iterator(causes.begin() + static_cast<std::ptrdiff_t>(i));
    const auto cause = std::find_if(before, causes.rend(),
                                    [&](const Cause& earlier) { return Follows(earlier.finding, causes[i].finding); });
    if (cause == causes.rend()) {
      ++i;
      continue;
    }
    fold_into(*cause, std::move(causes[i]));
    causes.erase(causes.begin() + static_cast<std::ptrdiff_t>(i));
  }

  for (size_t i = 1; i < causes.size();) {
    if (Announces(causes[i - 1].finding, causes[i].finding)) {
      fold_into(causes[i - 1], std::move(causes[i]));
      causes.erase(causes.begin() + static_cast<std::ptrdiff_t>(i));
    } else {
      ++i;
    }
  }

  std::vector<Cause> folded;
  for (Cause& cause : causes) {
    const auto meets = [&](const Cause& earlier) {
      return TitlesMeet(earlier.finding, cause.finding) || OneLeadsToTheOther(earlier.finding, cause.finding);
    };
    const auto kept = std::ranges::find_if(folded, meets);
    if (kept == folded.end()) {
      folded.push_back(std::move(cause));
      continue;
    }
    // The finding may show that several earlier ones have the same cause.
    const auto also = std::stable_partition(kept + 1, folded.end(), [&](const Cause& c) { return !meets(c); });
    for (auto one = also; one != folded.end(); ++one) fold_into(*kept, std::move(*one));
    fold_into(*kept, std::move(cause));
    folded.erase(also, folded.end());
  }
  return folded;
}

std::vector<Finding> Fold(std::vector<Finding> findings) {
  std::vector<Cause> causes(findings.size());
  for (size_t i = 0; i < findings.size(); ++i) causes[i].finding = std::move(findings[i]);
  causes = Fold(std::move(causes));
  findings.resize(causes.size());
  for (size_t i = 0; i < causes.size(); ++i) findings[i] = std::move(causes[i].finding);
  return findings;
}

}  // namespace lk::detect
