// SPDX-License-Identifier: Apache-2.0
#include "server/api/reports.h"

#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <fstream>

#include "lk/v1/report.pb.h"
#include "lk/v1/scenario.pb.h"
#include "server/api/convert.h"
#include "server/report/gather.h"
#include "support/version.h"

namespace lk::api {
namespace {

using campaign::Run;
using campaign::Verdict;

// Limits on inlined console logs: number of runs, and bytes from the end of each log.
constexpr size_t kMaxConsoles = 100;
constexpr uint64_t kConsoleBytes = 64 << 10;

constexpr char kDefaultOrigin[] = "lk";

std::string Version() {
  return fmt::format("{}{}{}", kVersion, kCommit[0] ? " " : "", kCommit);
}

// Returns the end of a console log, cut at the beginning of a line; empty if there is no console log.
report::ConsoleTail ReadTail(const std::filesystem::path& path) {
  report::ConsoleTail tail;
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return tail;
  const auto size = static_cast<uint64_t>(std::max<std::streamoff>(0, file.tellg()));
  tail.left_out = size - std::min(size, kConsoleBytes);
  tail.text.resize(size - tail.left_out);
  file.seekg(static_cast<std::streamoff>(tail.left_out));
  file.read(tail.text.data(), static_cast<std::streamsize>(tail.text.size()));
  tail.text.resize(static_cast<size_t>(file.gcount()));
  if (tail.left_out == 0) return tail;
  const size_t line = tail.text.find('\n');
  const size_t cut = line == std::string::npos ? 0 : line + 1;
  tail.text.erase(0, cut);
  tail.left_out += cut;
  return tail;
}

StatusOr<std::string> ToJson(const report::CampaignReport& report) {
  v1::CampaignReport proto;
  *proto.mutable_campaign() = ToProto(report.campaign, campaign::Count(report.runs));
  AddRuns(report.runs, *proto.mutable_campaign());
  for (const auto& [id, kernel] : report.kernels) *proto.add_kernels() = ToProto(kernel, false, 0);
  for (const auto& [id, host] : report.hosts) *proto.add_hosts() = ToProto(host, {0, 0});
  proto.set_lk_version(report.lk_version);
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.always_print_primitive_fields = true;
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(proto, &json, options);
  if (!status.ok()) return absl::InternalError(fmt::format("JSON: {}", std::string(status.message())));
  return json;
}

report::Scenario ScenarioOf(const v1::ScenarioDescriptor& descriptor) {
  report::Scenario scenario{.summary = descriptor.summary(), .emulation = {}, .harness = {}};
  for (const auto& patch : descriptor.emulation()) scenario.emulation.push_back(patch.name());
  for (const auto& patch : descriptor.harness()) scenario.harness.push_back(patch.name());
  return scenario;
}

}  // namespace

void Reports::AddScenarios(report::CampaignReport& report) const {
  for (const Run& run : report.runs) {
    const auto scenario = std::ranges::find(descriptors_, run.scenario, &v1::ScenarioDescriptor::name);
    if (scenario != descriptors_.end()) report.scenarios.try_emplace(run.scenario, ScenarioOf(*scenario));
  }
}

void Reports::AddConsoles(report::CampaignReport& report) const {
  // Failed runs come first, then other runs that neither passed nor were skipped.
  std::vector<const Run*> wanted;
  for (const Run& run : report.runs) {
    if (run.state == campaign::RunState::kDone && run.verdict != Verdict::kPass && run.verdict != Verdict::kSkip) {
      wanted.push_back(&run);
    }
  }
  std::ranges::stable_sort(wanted, {}, [](const Run* run) { return run->verdict != Verdict::kFail; });
  wanted.resize(std::min(wanted.size(), kMaxConsoles));
  for (const Run* run : wanted) report.consoles[run->id] = ReadTail(console_(run->id));
}

StatusOr<std::string> Reports::Write(const std::string& campaign_id, const std::string& format,
                                     const std::string& kcidb_origin) const {
  const std::string origin = kcidb_origin.empty() ? kDefaultOrigin : kcidb_origin;
  LK_RETURN_IF_ERROR(report::CheckOrigin(origin));
  LK_ASSIGN_OR_RETURN(const std::string id, store_.ResolveCampaign(campaign_id));
  LK_ASSIGN_OR_RETURN(report::CampaignReport report, report::Gather(store_, id));
  report.lk_version = Version();
  report.written = clock_.Now();
  if (format == "html") {
    AddScenarios(report);
    AddConsoles(report);
    return report::ToHtml(report);
  }
  if (format == "junit") return report::ToJunit(report);
  if (format == "ktap") return report::ToKtap(report);
  if (format == "kcidb") return report::ToKcidb(report, origin);
  if (format == "json") return ToJson(report);
  return absl::InvalidArgumentError(
      fmt::format("unknown report format \"{}\" (expected html, junit, ktap, kcidb or json)", format));
}

}  // namespace lk::api
