// SPDX-License-Identifier: Apache-2.0
// The format: https://docs.kernelci.org/kcidb/, schema 5.0 of the package kcidb-io. Data for which the schema has no
// field goes into "misc".
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "server/campaign/findings.h"
#include "server/campaign/mutation.h"
#include "server/report/campaign_report.h"
#include "server/report/outcome.h"
#include "support/text.h"

namespace lk::report {
namespace {

using Json = nlohmann::ordered_json;
using campaign::KernelBuild;
using campaign::Run;

// The schema's limit in characters, used as a limit in bytes, which is stricter.
constexpr size_t kMaxExcerpt = 16384;

// A full commit id: the schema does not accept abbreviated ones.
constexpr size_t kCommitDigits = 40;

class Writer {
 public:
  Writer(const CampaignReport& report, const std::string& origin) : report_(report), origin_(origin) {}

  Json Write() const {
    Json json = {{"version", {{"major", 5}, {"minor", 0}}},
                 {"checkouts", Json::array()},
                 {"builds", Json::array()},
                 {"tests", Json::array()}};
    std::vector<std::string> seen;
    for (const Run& run : report_.runs) {
      if (std::ranges::find(seen, run.kernel_id) == seen.end()) {
        seen.push_back(run.kernel_id);
        json["checkouts"].push_back(Checkout(run));
        json["builds"].push_back(Build(run));
      }
      // A test without a status would be treated as one that may still pass.
      if (run.state != campaign::RunState::kDone) continue;
      json["tests"].push_back(Test(run));
      for (const auto& [probe, histogram] : run.latencies) {
        if (histogram.count() > 0) json["tests"].push_back(Latency(run, probe, histogram));
      }
    }
    return json;
  }

 private:
  std::string Id(const std::string& id) const { return origin_ + ":" + id; }

  const KernelBuild* Kernel(const Run& run) const {
    const auto kernel = report_.kernels.find(run.kernel_id);
    return kernel == report_.kernels.end() ? nullptr : &kernel->second;
  }

  Json Checkout(const Run& run) const {
    const campaign::Provenance& from = run.provenance;
    const KernelBuild* kernel = Kernel(run);
    // The kernel exists, so it was checked out and built.
    Json json = {{"id", Id(run.kernel_id)}, {"origin", origin_}, {"valid", true}};
    if (kernel != nullptr && kernel->labels.contains("tree")) json["tree_name"] = Escape(kernel->labels.at("tree"));
    if (from.kernel_commit.size() == kCommitDigits) json["git_commit_hash"] = from.kernel_commit;
    json["comment"] = Escape(run.kernel_release);
    Json misc = Json::object();
    if (!from.kernel_source.empty()) misc["source"] = Escape(from.kernel_source);
    if (!from.kernel_commit.empty()) misc["commit"] = from.kernel_commit;
    if (!misc.empty()) json["misc"] = misc;
    return json;
  }

  Json Build(const Run& run) const {
    const KernelBuild* kernel = Kernel(run);
    // KernelCI uses the kernel's own names for architectures.
    Json json = {{"checkout_id", Id(run.kernel_id)},
                 {"id", Id(run.kernel_id)},
                 {"origin", origin_},
                 {"comment", Escape(run.kernel_release)},
                 {"architecture", run.arch == campaign::Arch::kAarch64 ? "arm64" : "x86_64"}};
    if (kernel != nullptr && !kernel->flavour.empty()) json["config_name"] = Escape(kernel->flavour);
    json["status"] = "PASS";
    Json misc = {{"kernel_id", run.kernel_id}};
    if (!run.provenance.config_sha256.empty()) misc["config_sha256"] = run.provenance.config_sha256;
    if (kernel != nullptr) {
      misc["banner"] = Escape(kernel->banner);
      for (const auto& [key, value] : kernel->labels) misc["labels"][Escape(key)] = Escape(value);
    }
    json["misc"] = std::move(misc);
    return json;
  }

  Json Environment(const Run& run) const {
    const campaign::Provenance& from = run.provenance;
    Json misc = {{"profile", run.profile},
                 {"accelerator", run.accelerator},
                 {"emulated", run.emulated},
                 {"harness", run.harness}};
    const std::pair<const char*, const std::string&> known[] = {
        {"host", run.host_id},           {"host_uri", from.host_uri}, {"host_kernel", from.host_kernel},
        {"hypervisor", from.hypervisor}, {"libvirt", from.libvirt},   {"image_sha256", from.image_sha256},
        {"cmdline", run.cmdline}};
    for (const auto& [name, value] : known) {
      if (!value.empty()) misc[name] = Escape(value);
    }
    return {{"comment",
             Escape(fmt::format(
                 "VM of profile {}{}{}{}", run.profile, run.accelerator.empty() ? "" : ", " + run.accelerator,
                 run.emulated ? ", with emulated hardware" : "", run.harness ? ", with a harness in the kernel" : ""))},
            {"misc", std::move(misc)}};
  }

  // Each path has its own history, and the profile is part of what is tested. "lk.<scenario>" is the parent of the
  // paths of all profiles.
  static std::string Path(const Run& run) { return fmt::format("lk.{}.{}", Word(run.scenario), Word(run.profile)); }

  // Fields that all tests of a run share.
  Json Begin(const Run& run, const std::string& id, const std::string& path) const {
    Json json = {{"build_id", Id(run.kernel_id)},
                 {"id", Id(id)},
                 {"origin", origin_},
                 {"environment", Environment(run)},
                 {"path", path}};
    return json;
  }

  void End(const Run& run, Json& json) const {
    json["waived"] = run.control || run.superseded;
    if (const std::string time = UtcTime(run.started); !time.empty()) json["start_time"] = time;
    json["duration"] = Seconds(run);
  }

  Json Test(const Run& run) const {
    Json json = Begin(run, run.id, Path(run));
    json["comment"] = Escape(run.reason.empty() ? run.scenario : run.reason);
    const campaign::Finding* finding = MainFinding(run);
    if (finding != nullptr && !finding->excerpt.empty()) json["log_excerpt"] = Excerpt(finding->excerpt);
    json["status"] = WordsOf(run.verdict).kcidb;
    End(run, json);
    json["misc"] = Misc(run);
    return json;
  }

  static std::string Excerpt(const std::string& text) {
    std::string excerpt = Escape(text, "\n\t");
    if (excerpt.size() <= kMaxExcerpt) return excerpt;
    // Do not split a multi-byte character.
    size_t end = kMaxExcerpt;
    while (end > 0 && (static_cast<unsigned char>(excerpt[end]) & 0xc0) == 0x80) --end;
    excerpt.resize(end);
    return excerpt;
  }

  static Json Misc(const Run& run) {
    Json findings = Json::array();
    for (const campaign::Finding& finding : run.findings) {
      Json frames = Json::array();
      for (const detect::Frame& frame : finding.frames) frames.push_back(Escape(FormatFrame(frame)));
      Json json = {{"kind", detect::ToString(finding.kind)},
                   {"title", Escape(finding.title)},
                   {"count", finding.count},
                   {"counts", campaign::HeldAgainstKernel(finding)},
                   {"frames", std::move(frames)}};
      if (!finding.known.empty()) json["known"] = Escape(finding.known);
      findings.push_back(std::move(json));
    }
    Json misc = {{"campaign", run.campaign_id},
                 {"verdict", campaign::ToString(run.verdict)},
                 {"blame", campaign::ToString(run.blame)},
                 {"repeat", run.repeat},
                 {"attempt", run.attempt},
                 {"superseded", run.superseded},
                 {"positive_control", run.control},
                 {"seed", run.seed},
                 {"findings", std::move(findings)}};
    if (run.control) misc["mutant"] = campaign::ToString(campaign::StateOf(run));
    return misc;
  }

  // A measurement without a verdict: judging latencies is left to budgets.
  Json Latency(const Run& run, const std::string& probe, const Histogram& histogram) const {
    constexpr double kNsPerSecond = 1e9;
    const std::string name = Word(probe) + "_p99";
    Json json = Begin(run, run.id + "-" + name, fmt::format("{}.{}", Path(run), name));
    json["comment"] = fmt::format("99th percentile of {} latencies", histogram.count());
    json["status"] = "DONE";
    json["number"] = {
        {"value", static_cast<double>(histogram.Quantile(0.99)) / kNsPerSecond}, {"unit", "s"}, {"prefix", "metric"}};
    End(run, json);
    return json;
  }

  // A path component. Profile and probe names come from users and agents, so characters other than letters,
  // digits, "_" and "-" are replaced.
  static std::string Word(std::string text) {
    const auto fits = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    };
    std::ranges::replace_if(
        text, [&](char c) { return !fits(c); }, '_');
    return text.empty() ? "_" : text;
  }

  const CampaignReport& report_;
  const std::string& origin_;
};

}  // namespace

std::string ToKcidb(const CampaignReport& report, const std::string& origin) {
  return Writer(report, origin).Write().dump(2, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace) + "\n";
}

Status CheckOrigin(std::string_view origin) {
  const bool right = !origin.empty() && std::ranges::all_of(origin, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
  if (right) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("invalid KCIDB origin \"{}\" (expected lower-case letters, digits and underscores)", origin));
}

}  // namespace lk::report
