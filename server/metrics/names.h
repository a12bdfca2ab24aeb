// SPDX-License-Identifier: Apache-2.0
// Every metric that lkd exports: name, type, labels, help.
#pragma once

#include <prometheus/metric_type.h>

#include <array>

namespace lk::metrics {

struct Metric {
  const char* name;
  prometheus::MetricType type;
  // The values of a sample are given in this order; unused places are null.
  std::array<const char*, 6> labels;
  const char* help;
};

using Type = prometheus::MetricType;

// Of finished runs, from the store; findings count the moment they are stored, whole, while their run goes on. What is
// not held against a kernel does not count as its finding: what the scenario tolerates, and what is not trusted because
// the VM stood still. Once counted it stays, even if it turns out to be such, or to belong to another finding: a
// counter that falls is a restarted one to Prometheus, and its whole value an increase.
inline constexpr Metric kRuns = {"lk_runs_total",
                                 Type::Counter,
                                 {"kernel", "arch", "profile", "scenario", "verdict", "emulated"},
                                 "Finished runs, superseded attempts and positive controls included."};
inline constexpr Metric kPassRatio = {
    "lk_kernel_pass_ratio",
    Type::Gauge,
    {"kernel", "arch", "profile", "scenario"},
    "Share of passes among the runs that passed or failed, positive controls left out."};
inline constexpr Metric kMutants = {"lk_mutants",
                                    Type::Gauge,
                                    {"kernel", "scenario", "state"},
                                    "1 for what the campaign finished last found of a mutant: killed or survived."};
inline constexpr Metric kFindings = {"lk_findings_total",
                                     Type::Counter,
                                     {"kernel", "arch", "profile", "scenario", "kind"},
                                     "Findings held against the kernel: tolerated and distrusted ones left out."};
inline constexpr Metric kFindingTitles = {
    "lk_finding_titles_total",
    Type::Counter,
    {"kernel", "arch", "profile", "scenario", "kind", "title"},
    "The same by title; of a kernel with more titles than metrics.maxTitles the later ones together."};
inline constexpr Metric kLatency = {"lk_latency_seconds",
                                    Type::Histogram,
                                    {"kernel", "arch", "profile", "scenario", "probe"},
                                    "Latencies that probes in the guests measured, of finished runs."};
inline constexpr Metric kPhaseDuration = {
    "lk_run_phase_duration_seconds", Type::Histogram, {"phase"}, "Duration of the phases of finished runs."};
inline constexpr Metric kConsoleBytes = {
    "lk_console_bytes_total", Type::Counter, {}, "Bytes recorded from serial consoles of finished runs."};

// The exposition format has no place for an exemplar of these; this one leads from numbers to a run and its report.
inline constexpr Metric kLastRun = {"lk_last_run_timestamp_seconds",
                                    Type::Gauge,
                                    {"kernel", "arch", "profile", "scenario", "verdict", "run"},
                                    "When the last run with this verdict was finished, and which that was."};
inline constexpr Metric kKernelOrder = {
    "lk_kernel_order",
    Type::Gauge,
    {"kernel", "arch", "tree"},
    "Grows from release to release; tree is the label of the build. Mutants have no place in it."};
inline constexpr Metric kWebhookDeliveries = {
    "lk_webhook_deliveries_total",
    Type::Counter,
    {"target", "result"},
    "Attempts to deliver notifications: delivered, failed (to be tried again), "
    "dead (given up)."};

// Of what is going on.
inline constexpr Metric kCampaignRuns = {
    "lk_campaign_runs", Type::Gauge, {"campaign", "state"}, "Runs of campaigns that are not finished, by state."};
inline constexpr Metric kHostCapacity = {
    "lk_host_capacity", Type::Gauge, {"host", "resource"}, "What runs may take of a host: vcpus, memory_bytes."};
inline constexpr Metric kHostAllocated = {
    "lk_host_allocated", Type::Gauge, {"host", "resource"}, "What runs have taken of a host: vcpus, memory_bytes."};
inline constexpr Metric kHostState = {
    "lk_host_state", Type::Gauge, {"host", "state"}, "1 for the state of a host: up, down, drained."};
inline constexpr std::array<const char*, 3> kHostStates = {"up", "down", "drained"};
inline constexpr Metric kAgentsConnected = {
    "lk_agents_connected", Type::Gauge, {}, "Guests whose agent has a session now."};

// Of the work of lkd, summed up in the store at each scrape: they go on where they were after a restart.
inline constexpr Metric kAgentSamples = {
    "lk_agent_samples_total", Type::Counter, {}, "Sample messages received from agents."};
inline constexpr Metric kStoreLatency = {
    "lk_store_latency_seconds", Type::Histogram, {"op"}, "Duration of calls of the store."};

// Of /metrics itself.
inline constexpr Metric kSeries = {"lk_metrics_series", Type::Gauge, {}, "Series of kernels that are served here."};
inline constexpr Metric kMaxSeries = {
    "lk_metrics_series_max", Type::Gauge, {}, "Most series of kernels: metrics.maxSeries."};
inline constexpr Metric kLeftOut = {
    "lk_metrics_left_out",
    Type::Gauge,
    {"what"},
    "Left out for the limits: kernels, kernels of which only latencies are, titles of findings."};
inline constexpr Metric kBuildInfo = {
    "lk_build_info", Type::Gauge, {"version", "commit"}, "1; the labels tell which lkd this is."};

}  // namespace lk::metrics
