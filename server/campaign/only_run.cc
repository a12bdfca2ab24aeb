// SPDX-License-Identifier: Apache-2.0
#include "server/campaign/only_run.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include "server/campaign/spec_set.h"

namespace lk::campaign {
namespace {

// An entry can be just a name. "base" is not reached in a valid file, where a profile with a base must have a name.
std::string NameIn(const YAML::Node& entry) {
  if (entry.IsScalar()) return entry.Scalar();
  if (!entry.IsMap()) return {};
  for (const char* key : {"name", "base"}) {
    if (const YAML::Node name = entry[key]; name.IsDefined() && name.IsScalar()) return name.Scalar();
  }
  return {};
}

StatusOr<YAML::Node> Entry(const YAML::Node& list, const std::string& name) {
  for (const YAML::Node& entry : list) {
    if (NameIn(entry) == name) return YAML::Clone(entry);
  }
  return absl::InvalidArgumentError(fmt::format("the campaign file has no profile or scenario \"{}\"", name));
}

StatusOr<std::string> MakeOnlyRun(const Campaign& campaign, const Run& run) {
  const YAML::Node root = YAML::Load(campaign.spec_yaml);
  for (const std::string& assignment : campaign.overrides) LK_RETURN_IF_ERROR(ApplySet(root, assignment).status());
  const YAML::Node spec = root["spec"];
  LK_ASSIGN_OR_RETURN(const YAML::Node profile, Entry(spec["profiles"], run.profile));
  LK_ASSIGN_OR_RETURN(YAML::Node scenario, Entry(spec["scenarios"], run.scenario));
  if (scenario.IsMap()) scenario.remove("profiles");

  // Keys in the usual order.
  YAML::Emitter out;
  out << YAML::BeginMap;
  out << YAML::Key << "apiVersion" << YAML::Value << root["apiVersion"];
  out << YAML::Key << "kind" << YAML::Value << root["kind"];
  out << YAML::Key << "metadata" << YAML::Value << root["metadata"];
  out << YAML::Key << "spec" << YAML::Value << YAML::BeginMap;
  out << YAML::Key << "kernels" << YAML::Value << YAML::Flow << std::vector<std::string>{run.kernel_id};
  out << YAML::Key << "profiles" << YAML::Value << YAML::BeginSeq << profile << YAML::EndSeq;
  out << YAML::Key << "scenarios" << YAML::Value << YAML::BeginSeq << scenario << YAML::EndSeq;
  out << YAML::Key << "seed" << YAML::Value << run.seed;
  out << YAML::Key << "positiveControls" << YAML::Value << "off";
  for (const char* kept : {"detectors", "transient", "known", "onHang", "deadline"}) {
    if (const YAML::Node value = spec[kept]; value.IsDefined()) out << YAML::Key << kept << YAML::Value << value;
  }
  out << YAML::EndMap << YAML::EndMap;
  if (!out.good()) return absl::InvalidArgumentError(out.GetLastError());
  return std::string(out.c_str()) + "\n";
}

}  // namespace

StatusOr<std::string> OnlyRun(const Campaign& campaign, const Run& run) {
  try {
    return MakeOnlyRun(campaign, run);
  } catch (const YAML::Exception& e) {
    return absl::InvalidArgumentError(fmt::format("cannot read the campaign file: {}", e.msg));
  }
}

}  // namespace lk::campaign
