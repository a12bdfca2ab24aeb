// SPDX-License-Identifier: Apache-2.0
#include "server/known/known.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <utility>

namespace lk::known {
namespace {

bool HasEnded(const Problem& problem, absl::Time now) {
  return absl::ToCivilDay(now, absl::UTCTimeZone()) > problem.until;
}

}  // namespace

List::List(std::vector<Problem> problems) : problems_(std::move(problems)) {
  patterns_.reserve(problems_.size());
  for (const Problem& problem : problems_) {
    patterns_.push_back(std::make_shared<const re2::RE2>(problem.title, re2::RE2::Quiet));
  }
}

bool List::Applies(size_t index, const detect::Finding& finding) const {
  const Problem& problem = problems_[index];
  if (problem.kind ? *problem.kind != finding.kind : finding.kind == detect::Kind::kInvariant) return false;
  const auto matches = [&](const std::string& title) {
    return title == problem.title || re2::RE2::FullMatch(title, *patterns_[index]);
  };
  return matches(finding.title) || std::ranges::any_of(finding.alt_titles, matches);
}

std::string List::ReasonFor(const detect::Finding& finding, absl::Time now) const {
  for (size_t i = 0; i < problems_.size(); ++i) {
    if (!HasEnded(problems_[i], now) && Applies(i, finding)) return problems_[i].reason;
  }
  return {};
}

std::vector<std::string> List::Ended(absl::Time now) const {
  std::vector<std::string> lines;
  for (const Problem& problem : problems_) {
    if (!HasEnded(problem, now)) continue;
    lines.push_back(fmt::format("known problem \"{}\" ended on {}: it counts again", problem.title,
                                absl::FormatCivilTime(problem.until)));
  }
  return lines;
}

}  // namespace lk::known
