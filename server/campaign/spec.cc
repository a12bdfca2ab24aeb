// SPDX-License-Identifier: Apache-2.0
#include "server/campaign/spec.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "server/campaign/spec_checks.h"
#include "server/campaign/spec_node.h"
#include "server/campaign/spec_reader.h"

namespace lk::campaign {
namespace {

constexpr uint32_t kMostRepeats = 10000;
constexpr uint32_t kMostRetries = 100;
constexpr uint32_t kMostParallel = 10000;

// ---- --set path=value ----------------------------------------------------------------------------------------

// A step down: into a mapping by its key, or into a list by its index.
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
    return absl::InvalidArgumentError("the path is malformed; spec.profiles[0].vcpus=4 is right");
  }
  return steps;
}

Status Override(YAML::Node node, const std::vector<Step>& steps, const YAML::Node& value) {
  for (const Step& step : steps) {
    if (step.index && !node.IsSequence()) return absl::InvalidArgumentError("there is no list at this path");
    if (step.index && *step.index >= node.size()) {
      return absl::InvalidArgumentError(fmt::format("the list has {} entries, counted from 0", node.size()));
    }
    if (!step.index && node.IsDefined() && !node.IsMap() && !node.IsNull()) {
      return absl::InvalidArgumentError(fmt::format("there is no mapping that could hold \"{}\"", step.key));
    }
    // reset() and not "=", which would write to the tree.
    node.reset(step.index ? node[*step.index] : node[step.key]);
  }
  node = value;
  return absl::OkStatus();
}

// Returns the path that is overridden.
StatusOr<std::string> ApplySet(const YAML::Node& root, const std::string& assignment) {
  const size_t equals = assignment.find('=');
  if (equals == std::string::npos) return absl::InvalidArgumentError("\"=\" is missing; path=value is right");
  std::string path = assignment.substr(0, equals);
  LK_ASSIGN_OR_RETURN(const std::vector<Step> steps, ParsePath(path));
  try {
    LK_RETURN_IF_ERROR(Override(root, steps, YAML::Load(assignment.substr(equals + 1))));
  } catch (const YAML::Exception& e) {
    return absl::InvalidArgumentError(fmt::format("the value is not YAML: {}", e.msg));
  }
  return path;
}

// ---- the file --------------------------------------------------------------------------------------------------

class FileReader {
 public:
  FileReader(const Descriptors& descriptors, Mistakes& mistakes, std::vector<SpecError>& notify_places)
      : descriptors_(descriptors), mistakes_(mistakes), notify_places_(notify_places) {}

  CampaignSpec Read(const YAML::Node& root) {
    mistakes_.Remember("", root.Mark());
    ReadMap({root, ""}, mistakes_,
            {{"apiVersion", [&](const Item& i) { Fixed(i, "lk/v1"); }, true},
             {"kind", [&](const Item& i) { Fixed(i, "Campaign"); }, true},
             {"metadata", [&](const Item& i) { Metadata(i); }, true},
             {"spec", [&](const Item& i) { Spec(i); }, true}});
    CheckUses(spec_, descriptors_, mistakes_);
    return std::move(spec_);
  }

 private:
  void Fixed(const Item& item, std::string_view value) {
    const std::optional<std::string> text = ReadText(item, mistakes_);
    if (text && *text != value)
      mistakes_.Add(item.path, fmt::format("\"{}\" is not known here; \"{}\" is right", *text, value));
  }

  void Metadata(const Item& item) {
    ReadMap(item, mistakes_,
            {{"name", [&](const Item& i) { Store(spec_.name, ReadName(i, mistakes_)); }, true},
             {"labels", [&](const Item& i) {
                ReadAnyMap(i, mistakes_, [&](const std::string& key, const Item& value) {
                  Store(spec_.labels[key], ReadText(value, mistakes_));
                });
              }}});
  }

  void Spec(const Item& item) {
    const Vocabulary<PositiveControls> controls = {
        {"auto", PositiveControls::kAuto}, {"require", PositiveControls::kRequire}, {"off", PositiveControls::kOff}};
    ReadMap(
        item, mistakes_,
        {{"kernels", [&](const Item& i) { Kernels(i); }, true},
         {"profiles", [&](const Item& i) { Profiles(i); }, true},
         {"scenarios", [&](const Item& i) { Scenarios(i); }, true},
         {"repeats", [&](const Item& i) { Store(spec_.repeats, ReadNumber(i, mistakes_, 1, kMostRepeats)); }},
         {"retries", [&](const Item& i) { Retries(i); }},
         {"positiveControls",
          [&](const Item& i) {
            Store(spec_.positive_controls, ReadWord(i, mistakes_, "a way of positive controls", controls));
          }},
         {"onHang", [&](const Item& i) { OnHang(i); }},
         {"maxParallel", [&](const Item& i) { Store(spec_.max_parallel, ReadNumber(i, mistakes_, 1, kMostParallel)); }},
         {"deadline", [&](const Item& i) { Store(spec_.deadline, ReadDuration(i, mistakes_)); }},
         {"notify", [&](const Item& i) {
            ReadList(i, mistakes_, true, [&](const Item& entry) {
              auto name = ReadText(entry, mistakes_);
              if (!name) return;
              spec_.notify.push_back(*std::move(name));
              notify_places_.push_back(mistakes_.Locate(entry.path));
            });
          }}});
  }

  void Kernels(const Item& item) {
    ReadList(item, mistakes_, false,
             [&](const Item& entry) { spec_.kernels.push_back(ReadKernelSelector(entry, mistakes_)); });
  }

  void Profiles(const Item& item) {
    std::set<std::string> names;
    ReadList(item, mistakes_, false, [&](const Item& entry) {
      spec_.profiles.push_back(ReadProfile(entry, mistakes_));
      Once(names, spec_.profiles.back().name, entry, "profile");
    });
  }

  void Scenarios(const Item& item) {
    std::set<std::string> names;
    ReadList(item, mistakes_, false, [&](const Item& entry) {
      spec_.scenarios.push_back(ReadScenario(entry, descriptors_, mistakes_));
      Once(names, spec_.scenarios.back().name, entry, "scenario");
    });
  }

  // Runs know their profile and scenario by name.
  void Once(std::set<std::string>& names, const std::string& name, const Item& entry, std::string_view what) {
    if (name.empty() || names.insert(name).second) return;
    mistakes_.Add(entry.path + ".name", fmt::format("{} \"{}\" stands here twice; keep one", what, name));
  }

  void Retries(const Item& item) {
    ReadMap(item, mistakes_,
            {{"error", [&](const Item& i) { Store(spec_.retries_error, ReadNumber(i, mistakes_, 0, kMostRetries)); }},
             {"fail", [&](const Item& i) { Store(spec_.retries_fail, ReadNumber(i, mistakes_, 0, kMostRetries)); }}});
  }

  void OnHang(const Item& item) {
    ReadMap(item, mistakes_,
            {{"nmi", [&](const Item& i) { Store(spec_.hang_nmi, ReadBool(i, mistakes_)); }},
             {"dump", [&](const Item& i) { Store(spec_.hang_dump, ReadBool(i, mistakes_)); }}});
  }

  const Descriptors& descriptors_;
  Mistakes& mistakes_;
  std::vector<SpecError>& notify_places_;
  CampaignSpec spec_;
};

}  // namespace

SpecResult ParseSpec(std::string_view yaml, const std::vector<std::string>& set, const Descriptors& descriptors) {
  SpecResult result;
  YAML::Node root;
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(std::string(yaml));
    if (documents.size() != 1) {
      result.errors = {{0, 0, "", fmt::format("the file holds {} YAML documents; one is right", documents.size())}};
      return result;
    }
    root = documents.front();
  } catch (const YAML::Exception& e) {
    Mistakes syntax({});
    syntax.AddAt(e.mark, "", fmt::format("this is not YAML: {}", e.msg));
    result.errors = syntax.Take();
    return result;
  }
  std::vector<std::string> overridden;
  for (const std::string& assignment : set) {
    StatusOr<std::string> path = ApplySet(root, assignment);
    if (path.ok()) {
      overridden.push_back(*std::move(path));
    } else {
      result.errors.push_back(
          {0, 0, "", fmt::format("--set {}: {}", assignment, std::string(path.status().message()))});
    }
  }
  Mistakes mistakes(std::move(overridden));
  result.spec = FileReader(descriptors, mistakes, result.notify_places).Read(root);
  std::vector<SpecError> in_file = mistakes.Take();
  result.errors.insert(result.errors.end(), in_file.begin(), in_file.end());
  return result;
}

}  // namespace lk::campaign
