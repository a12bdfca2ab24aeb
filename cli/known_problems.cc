// SPDX-License-Identifier: Apache-2.0
#include "cli/known_problems.h"

#include <fmt/format.h>

#include "server/known/reader.h"
#include "support/file.h"

namespace lk::cli {

StatusOr<KnownProblems> ReadKnownProblems(const std::string& path) {
  StatusOr<std::string> text = ReadFile(path);
  if (!text.ok()) return absl::InvalidArgumentError(std::string(text.status().message()));
  std::vector<yaml::Mistake> mistakes;
  known::List list = known::ParseList(*text, mistakes);
  if (mistakes.empty()) return KnownProblems{*std::move(text), std::move(list)};
  std::string lines;
  for (const yaml::Mistake& mistake : mistakes) {
    lines += lines.empty() ? "" : "\n";
    lines += path;
    if (mistake.line > 0) lines += fmt::format(":{}:{}", mistake.line, mistake.column);
    lines += mistake.path.empty() ? ": " : fmt::format(": {}: ", mistake.path);
    lines += mistake.message;
  }
  return absl::InvalidArgumentError(lines);
}

}  // namespace lk::cli
