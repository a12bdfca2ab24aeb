// SPDX-License-Identifier: Apache-2.0
#include "server/campaign/spec_set.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <string_view>
#include <vector>

namespace lk::campaign {
namespace {

// One step of a path: a key of a mapping, or an index into a list.
struct Step {
  std::string key;
  std::optional<size_t> index;
};

StatusOr<std::vector<Step>> ParsePath(std::string_view path) {
  std::vector<Step> steps;
  while (!path.empty()) {
    if (path.front() == '[') {
      size_t index = 0;
      const auto [end, error] = std::from_chars(path.data() + 1, path.data() + path.size(), index);
      if (error != std::errc() || end == path.data() + path.size() || *end != ']') break;
      steps.push_back({"", index});
      path.remove_prefix(static_cast<size_t>(end - path.data()) + 1);
    } else {
      if (!steps.empty()) {
        if (path.front() != '.') break;
        path.remove_prefix(1);
      }
      const std::string_view key = path.substr(0, path.find_first_of(".[="));
      if (key.empty()) break;
      steps.push_back({std::string(key), std::nullopt});
      path.remove_prefix(key.size());
    }
  }
  if (!path.empty() || steps.empty()) {
    return absl::InvalidArgumentError("malformed path (expected a path such as spec.profiles[0].vcpus)");
  }
  return steps;
}

Status Override(YAML::Node node, const std::vector<Step>& steps, const YAML::Node& value) {
  for (const Step& step : steps) {
    if (step.index && !node.IsSequence()) return absl::InvalidArgumentError("there is no list at this path");
    if (step.index && *step.index >= node.size()) {
      return absl::InvalidArgumentError(
          fmt::format("index {} is out of range (list length: {})", *step.index, node.size()));
    }
    if (!step.index && node.IsDefined() && !node.IsMap() && !node.IsNull()) {
      return absl::InvalidArgumentError(fmt::format("there is no mapping for \"{}\" at this path", step.key));
    }
    // reset(), since "=" would write to the tree.
    node.reset(step.index ? node[*step.index] : node[step.key]);
  }
  node = value;
  return absl::OkStatus();
}

}  // namespace

StatusOr<std::string> ApplySet(const YAML::Node& root, const std::string& assignment) {
  const size_t equals = assignment.find('=');
  if (equals == std::string::npos) return absl::InvalidArgumentError("\"=\" is missing (expected path=value)");
  std::string path = assignment.substr(0, equals);
  LK_ASSIGN_OR_RETURN(const std::vector<Step> steps, ParsePath(path));
  try {
    LK_RETURN_IF_ERROR(Override(root, steps, YAML::Load(assignment.substr(equals + 1))));
  } catch (const YAML::Exception& e) {
    return absl::InvalidArgumentError(fmt::format("invalid YAML value: {}", e.msg));
  }
  return path;
}

}  // namespace lk::campaign
