// SPDX-License-Identifier: Apache-2.0
#include "server/api/compare_kernels.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <utility>

#include "lk/v1/report.pb.h"
#include "lk/v1/scenario.pb.h"
#include "server/api/convert.h"
#include "server/api/find_kernel.h"
#include "server/report/compare.h"
#include "server/report/statistics_ranks.h"

namespace lk::api {
namespace {

using campaign::Run;
using campaign::Verdict;

// Limit on runs compared per kernel. All of them are in memory; a histogram takes 10 KB.
constexpr size_t kMaxCompared = 2000;
// Runs per query: few, so that the store can serve other requests between two queries.
constexpr int kPage = 200;

// Returns a fraction given by the user, or the default if it is 0.
StatusOr<double> Share(std::string_view name, double value, double fallback, double least, double most) {
  if (value == 0) return fallback;
  if (value >= least && value <= most) return value;
  return absl::InvalidArgumentError(fmt::format("invalid {} {} (expected {} to {})", name, value, least, most));
}

StatusOr<report::CompareOptions> Options(const v1::CompareKernelsRequest& request) {
  constexpr double kMinRate = 1e-6;
  constexpr double kMaxRate = 0.5;
  constexpr double kResolution = 1.0 / 32;
  report::CompareOptions options;
  LK_ASSIGN_OR_RETURN(options.error_rate,
                      Share("error rate", request.error_rate(), options.error_rate, kMinRate, kMaxRate));
  LK_ASSIGN_OR_RETURN(options.pass_rate_margin, Share("pass rate margin", request.pass_rate_margin(),
                                                      options.pass_rate_margin, kMinRate, kMaxRate));
  LK_ASSIGN_OR_RETURN(options.latency_margin,
                      Share("latency margin", request.latency_margin(), options.latency_margin, kResolution, kMaxRate));
  return options;
}

Status CheckScenario(const campaign::Descriptors& descriptors, const std::string& name) {
  std::vector<std::string> names;
  for (const v1::ScenarioDescriptor& descriptor : descriptors) {
    if (descriptor.name() == name) return absl::OkStatus();
    names.push_back(descriptor.name());
  }
  return absl::NotFoundError(fmt::format("no scenario \"{}\" (available: {})", name, fmt::join(names, ", ")));
}

// The evidence about a kernel.
struct Gathered {
  v1::ComparedKernel proto;
  report::Samples samples;
};

StatusOr<Gathered> Gather(store::Store& store, const campaign::KernelBuild& kernel,
                          const v1::CompareKernelsRequest& request) {
  Gathered gathered;
  report::Evidence evidence;
  std::set<std::pair<std::string, uint32_t>> controls;  // campaign, cell
  uint32_t decided = 0;
  uint32_t undecided = 0;
  std::string before;
  for (size_t seen = 0; seen < kMaxCompared;) {
    LK_ASSIGN_OR_RETURN(const std::vector<Run> runs,
                        store.DoneRunsOfKernel(kernel.id, request.scenario(), before, kPage));
    if (runs.empty()) break;
    for (const Run& run : runs) {
      if (!request.profile().empty() && run.profile != request.profile()) continue;
      evidence.Add(run);
      const bool decides = run.verdict == Verdict::kPass || run.verdict == Verdict::kFail;
      ++(decides ? decided : undecided);
      if (decides && run.control) controls.emplace(run.campaign_id, run.cell);
    }
    seen += runs.size();
    before = runs.back().id;
  }
  gathered.samples = evidence.ToSamples();
  uint32_t counted = 0;
  for (const auto& [conditions, runs] : gathered.samples) counted += static_cast<uint32_t>(runs.size());
  if (counted == 0) {
    std::string where = request.scenario().empty() ? "" : " of scenario " + request.scenario();
    if (!request.profile().empty()) where += " on profile " + request.profile();
    return absl::NotFoundError(fmt::format(
        "kernel {} ({}) has no run{} that passed or failed{}; run a campaign on it first (lkctl campaign start)",
        kernel.release, kernel.id, where, undecided == 0 ? "" : fmt::format(", only {} undecided", undecided)));
  }
  *gathered.proto.mutable_kernel() = ToProto(kernel, false, store.RunsOfKernel(kernel.id).value_or(0));
  gathered.proto.set_counted(counted);
  gathered.proto.set_controls(static_cast<uint32_t>(controls.size()));
  gathered.proto.set_repeated(decided - counted);
  gathered.proto.set_undecided(undecided);
  return gathered;
}

void SetInterval(v1::ConfidenceInterval* proto, const report::Interval& interval) {
  proto->set_low(interval.low);
  proto->set_high(interval.high);
}

void SetSide(v1::ComparisonSide* proto, const report::Side& side) {
  proto->set_runs(side.runs);
  proto->set_value(side.value);
  if (side.interval) SetInterval(proto->mutable_interval(), *side.interval);
}

v1::ComparisonRow RowToProto(const report::Row& row) {
  v1::ComparisonRow proto;
  proto.set_scenario(row.conditions.scenario);
  proto.set_profile(row.conditions.profile);
  proto.set_accelerator(row.conditions.accelerator);
  proto.set_emulated(row.conditions.emulated);
  proto.set_harness(row.conditions.harness);
  proto.set_measure(row.what);
  proto.set_call(std::string(report::ToString(row.call)));
  SetSide(proto.mutable_a(), row.a);
  SetSide(proto.mutable_b(), row.b);
  if (row.effect) proto.set_effect(*row.effect);
  if (row.interval) SetInterval(proto.mutable_interval(), *row.interval);
  proto.set_delta(row.delta);
  proto.set_magnitude(std::string(report::Magnitude(row.delta)));
  proto.set_p(row.p);
  proto.set_adjusted_p(row.adjusted_p);
  proto.set_tested(row.tested);
  if (row.call == report::Call::kUndecided) {
    proto.set_least_runs(row.least_runs);
    if (row.more_repeats) proto.set_more_repeats(*row.more_repeats);
    proto.set_lacks(report::Lacks(row));
  }
  return proto;
}

uint32_t Calls(const report::Comparison& comparison, report::Call call) {
  return static_cast<uint32_t>(std::ranges::count(comparison.rows, call, &report::Row::call));
}

}  // namespace

StatusOr<v1::CompareKernelsResponse> CompareKernels(store::Store& store, const campaign::Descriptors& descriptors,
                                                    const v1::CompareKernelsRequest& request) {
  LK_ASSIGN_OR_RETURN(const report::CompareOptions options, Options(request));
  LK_ASSIGN_OR_RETURN(const campaign::KernelBuild kernel_a, FindKernel(store, request.a()));
  LK_ASSIGN_OR_RETURN(const campaign::KernelBuild kernel_b, FindKernel(store, request.b()));
  if (kernel_a.id == kernel_b.id) {
    return absl::InvalidArgumentError(
        fmt::format("\"{}\" and \"{}\" are the same build, {}", request.a(), request.b(), kernel_a.id));
  }
  if (!request.scenario().empty()) LK_RETURN_IF_ERROR(CheckScenario(descriptors, request.scenario()));
  LK_ASSIGN_OR_RETURN(Gathered a, Gather(store, kernel_a, request));
  LK_ASSIGN_OR_RETURN(Gathered b, Gather(store, kernel_b, request));

  const report::Comparison comparison = report::Compare(a.samples, b.samples, options);
  v1::CompareKernelsResponse response;
  *response.mutable_a() = std::move(a.proto);
  *response.mutable_b() = std::move(b.proto);
  response.set_error_rate(options.error_rate);
  response.set_pass_rate_margin(options.pass_rate_margin);
  response.set_latency_margin(options.latency_margin);
  for (const report::Row& row : comparison.rows) *response.add_rows() = RowToProto(row);
  response.set_worse(Calls(comparison, report::Call::kWorse));
  response.set_better(Calls(comparison, report::Call::kBetter));
  response.set_same(Calls(comparison, report::Call::kSame));
  response.set_undecided(Calls(comparison, report::Call::kUndecided));
  return response;
}

}  // namespace lk::api
