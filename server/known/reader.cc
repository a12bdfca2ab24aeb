// SPDX-License-Identifier: Apache-2.0
#include "server/known/reader.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <utility>

#include "server/yaml/documents.h"

namespace lk::known {
namespace {

using yaml::Item;
using yaml::Mistakes;
using yaml::Store;

std::optional<std::string> ReadTitle(const Item& item, Mistakes& mistakes) {
  std::optional<std::string> title = ReadText(item, mistakes);
  if (!title) return std::nullopt;
  if (title->empty()) mistakes.Add(item.path, "the title is empty; expected a title or a pattern for titles");
  if (const re2::RE2 pattern(*title, re2::RE2::Quiet); !pattern.ok()) {
    mistakes.Add(item.path, fmt::format("invalid pattern \"{}\": {} (expected a regular expression; to match one of "
                                        "\\.+*?()|[]{{}}^$ literally, put \\ before it)",
                                        *title, pattern.error()));
  }
  return title;
}

std::optional<detect::Kind> ReadKind(const Item& item, Mistakes& mistakes) {
  yaml::Vocabulary<detect::Kind> kinds;
  for (int i = 0; i <= static_cast<int>(detect::kLastKind); ++i) {
    kinds.emplace_back(ToString(static_cast<detect::Kind>(i)), static_cast<detect::Kind>(i));
  }
  return ReadWord(item, mistakes, "kind", kinds);
}

std::optional<std::string> ReadReason(const Item& item, Mistakes& mistakes) {
  std::optional<std::string> reason = ReadText(item, mistakes);
  if (reason && reason->find_first_not_of(' ') == std::string::npos) {
    mistakes.Add(item.path, "the reason is empty; say why the problem is known, or link to its report");
  }
  return reason;
}

std::optional<absl::CivilDay> ReadDay(const Item& item, Mistakes& mistakes) {
  const std::optional<std::string> text = ReadText(item, mistakes);
  if (!text) return std::nullopt;
  absl::CivilDay day;
  // The comparison rejects what ParseCivilTime accepts in addition, such as spaces and a time of day.
  if (absl::ParseCivilTime(*text, &day) && absl::FormatCivilTime(day) == *text) return day;
  mistakes.Add(item.path, fmt::format("invalid date \"{}\" (expected YYYY-MM-DD, such as 2027-03-31)", *text));
  return std::nullopt;
}

Problem ReadProblem(const Item& item, Mistakes& mistakes) {
  Problem problem;
  ReadMap(item, mistakes,
          {{"title", [&](const Item& i) { Store(problem.title, ReadTitle(i, mistakes)); }, true},
           {"kind", [&](const Item& i) { problem.kind = ReadKind(i, mistakes); }},
           {"reason", [&](const Item& i) { Store(problem.reason, ReadReason(i, mistakes)); }, true},
           {"until", [&](const Item& i) { Store(problem.until, ReadDay(i, mistakes)); }, true}});
  return problem;
}

bool IsSame(const Problem& a, const Problem& b) {
  return a.title == b.title && a.kind == b.kind;
}

}  // namespace

List ReadList(const Item& item, Mistakes& mistakes) {
  std::vector<Problem> problems;
  yaml::ReadList(item, mistakes, true, [&](const Item& entry) {
    const size_t before = mistakes.size();
    Problem problem = ReadProblem(entry, mistakes);
    if (mistakes.size() > before) return;
    const std::string path = entry.path + ".title";
    if (!problem.kind && problem.title.starts_with("invariant ")) {
      mistakes.Add(path, fmt::format("\"{}\" requires kind: invariant", problem.title));
    }
    if (std::ranges::any_of(problems, [&](const Problem& earlier) { return IsSame(earlier, problem); })) {
      mistakes.Add(path, fmt::format("duplicate known problem \"{}\"", problem.title));
    }
    problems.push_back(std::move(problem));
  });
  return List(std::move(problems));
}

List ParseList(const std::string& text, std::vector<yaml::Mistake>& mistakes) {
  Mistakes found({});
  List list;
  if (const std::optional<YAML::Node> root = yaml::LoadDocument(text, found)) {
    found.Remember("", root->Mark());
    list = ReadList({*root, ""}, found);
  }
  mistakes = found.Take();
  return list;
}

}  // namespace lk::known
