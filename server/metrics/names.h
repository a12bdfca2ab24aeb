// SPDX-License-Identifier: Apache-2.0
// Every metric that lkd exports: name, type, labels, help.
#pragma once

#include <prometheus/metric_type.h>

#include <array>

namespace lk::metrics {

struct Metric {
  const char* name;
  prometheus::MetricType type;
  // Samples give the label values in this order; unused elements are null.
  std::array<const char*, 7> labels;
  const char* help;
};

using Type = prometheus::MetricType;

// Finished runs, from the store. Findings count as soon as they are complete, even if their run is still in progress.
// Findings that are not held against the kernel do not count: those that the scenario tolerates, those that the
// campaign's list of known problems has, and those that are distrusted because the VM was paused. Once counted, a
// finding stays counted, even if it turns out to be tolerated, known, distrusted or part of another finding: if a
// counter decreases, Prometheus assumes a restart and adds the whole value again.
inline constexpr Metric kRuns = {"lk_runs_total",
                                 Type::Counter,
                                 {"kernel", "arch", "profile", "scenario", "verdict", "emulated", "harness"},
                                 "Finished runs, including superseded attempts and positive controls."};
inline constexpr Metric kPassRatio = {
    "lk_kernel_pass_ratio",
    Type::Gauge,
    {"kernel", "arch", "profile", "scenario"},
    "Share of passes among the runs that passed or failed, excluding positive controls."};
inline constexpr Metric kMutants = {
    "lk_mutants",
    Type::Gauge,
    {"kernel", "scenario", "state"},
    "State of each mutant in the last finished campaign that decided it (1 = in this state): killed, survived."};
inline constexpr Metric kFindings = {
    "lk_findings_total",
    Type::Counter,
    {"kernel", "arch", "profile", "scenario", "kind"},
    "Findings held against the kernel, excluding tolerated, known and distrusted ones."};
inline constexpr Metric kFindingTitles = {
    "lk_finding_titles_total",
    Type::Counter,
    {"kernel", "arch", "profile", "scenario", "kind", "title"},
    "lk_findings_total by title; if a kernel has more than metrics.maxTitles titles, the others are summed."};
inline constexpr Metric kLatency = {"lk_latency_seconds",
                                    Type::Histogram,
                                    {"kernel", "arch", "profile", "scenario", "probe"},
                                    "Latencies measured by probes in the guests of finished runs."};
inline constexpr Metric kPhaseDuration = {
    "lk_run_phase_duration_seconds", Type::Histogram, {"phase"}, "Duration of the phases of finished runs."};
inline constexpr Metric kConsoleBytes = {
    "lk_console_bytes_total", Type::Counter, {}, "Bytes recorded from the serial consoles of finished runs."};

// Links a number in a dashboard to a run and its report, since the exposition format does not support exemplars for the
// metrics above.
inline constexpr Metric kLastRun = {"lk_last_run_timestamp_seconds",
                                    Type::Gauge,
                                    {"kernel", "arch", "profile", "scenario", "verdict", "run"},
                                    "When the last run with this verdict finished; the label run is its id."};
inline constexpr Metric kKernelOrder = {
    "lk_kernel_order",
    Type::Gauge,
    {"kernel", "arch", "tree"},
    "Rank of the kernel in release order; tree is a label of the build. Excludes mutants."};
inline constexpr Metric kWebhookDeliveries = {
    "lk_webhook_deliveries_total",
    Type::Counter,
    {"target", "result"},
    "Attempts to deliver notifications, by result: delivered, failed (will be retried), dead (no more retries)."};

// Current state.
inline constexpr Metric kCampaignRuns = {
    "lk_campaign_runs", Type::Gauge, {"campaign", "state"}, "Runs of unfinished campaigns, by state."};
inline constexpr Metric kHostCapacity = {
    "lk_host_capacity", Type::Gauge, {"host", "resource"}, "Host resources available to runs: vcpus, memory_bytes."};
inline constexpr Metric kHostAllocated = {
    "lk_host_allocated", Type::Gauge, {"host", "resource"}, "Host resources in use by runs: vcpus, memory_bytes."};
inline constexpr Metric kHostState = {
    "lk_host_state", Type::Gauge, {"host", "state"}, "State of each host (1 = in this state): up, down, drained."};
inline constexpr std::array<const char*, 3> kHostStates = {"up", "down", "drained"};
inline constexpr Metric kAgentsConnected = {"lk_agents_connected", Type::Gauge, {}, "Guests whose agent is connected."};

// Work done by lkd. Added up in the store on each scrape, so that the counters continue after a restart.
inline constexpr Metric kAgentSamples = {
    "lk_agent_samples_total", Type::Counter, {}, "Sample messages received from agents."};
inline constexpr Metric kStoreLatency = {
    "lk_store_latency_seconds", Type::Histogram, {"op"}, "Duration of store calls."};

// /metrics itself.
inline constexpr Metric kSeries = {"lk_metrics_series", Type::Gauge, {}, "Time series of kernel builds in /metrics."};
inline constexpr Metric kMaxSeries = {
    "lk_metrics_series_max", Type::Gauge, {}, "Limit on the time series of kernel builds (metrics.maxSeries)."};
inline constexpr Metric kLeftOut = {
    "lk_metrics_left_out",
    Type::Gauge,
    {"what"},
    "Number of kernels, of kernels without their latencies, and of finding titles that the limits drop."};
inline constexpr Metric kBuildInfo = {
    "lk_build_info", Type::Gauge, {"version", "commit"}, "Version and commit of this lkd, as labels; always 1."};

}  // namespace lk::metrics
