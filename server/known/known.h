// SPDX-License-Identifier: Apache-2.0
// Known problems: findings that are shown with a reason, and do not count against the kernel.
#pragma once

#include <absl/time/civil_time.h>
#include <absl/time/time.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/detect/finding.h"

namespace re2 {
class RE2;
}

namespace lk::known {

struct Problem {
  std::string title;                 // pattern; see List
  std::optional<detect::Kind> kind;  // if set, the only kind of finding that it applies to
  std::string reason;
  absl::CivilDay until;  // the last day on which it applies, in UTC

  bool operator==(const Problem&) const = default;
};

// A problem applies to a finding of its kind if its title equals the finding's title or an alternate title, or if it
// matches one of them from beginning to end as a regular expression (RE2). It applies to invariants only if its kind
// says so: a pattern that is too broad must not disable a scenario's own checks.
class List {
 public:
  List() = default;
  explicit List(std::vector<Problem> problems);

  const std::vector<Problem>& problems() const { return problems_; }
  // The reason of the first problem that applies to the finding and has not ended; empty if there is none.
  std::string ReasonFor(const detect::Finding& finding, absl::Time now) const;
  // For each problem that has ended: `known problem "BUG: soft lockup in f" ended on 2026-03-31: it counts again`.
  std::vector<std::string> Ended(absl::Time now) const;

  bool operator==(const List& other) const { return problems_ == other.problems_; }

 private:
  bool Applies(size_t index, const detect::Finding& finding) const;

  std::vector<Problem> problems_;
  std::vector<std::shared_ptr<const re2::RE2>> patterns_;  // of the problems, in the same order
};

// A list as it applies at a point in time. Refers to the list.
struct ListAt {
  const List* list = nullptr;  // null for an empty list
  absl::Time time;

  std::string ReasonFor(const detect::Finding& finding) const {
    return list == nullptr ? "" : list->ReasonFor(finding, time);
  }
};

}  // namespace lk::known
