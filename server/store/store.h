// SPDX-License-Identifier: Apache-2.0
// What lkd remembers, in words of the domain. Only what watchers are told is kept as the API puts it: see Event.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/access/access.h"
#include "server/campaign/types.h"
#include "server/store/latency_sums.h"
#include "server/store/scheduler_store.h"
#include "server/store/webhook_store.h"
#include "support/status.h"

namespace lk::store {

// Something a watcher of a campaign is told. `payload` is a serialized lk.v1.CampaignEvent without its sequence.
struct Event {
  uint32_t sequence = 0;  // 1, 2 ... within the campaign, given by the store
  absl::Time time;
  std::string payload;
};

// What lkd counts of its own work.
struct Work {
  uint64_t agent_samples = 0;              // sample messages of agents
  std::map<std::string, Histogram> calls;  // operation of the store -> durations
};

// What /metrics is made of. Sums over finished runs (superseded attempts counted too: they happened), and over findings
// as they are stored, of kernels that are stored: a removed kernel's sums leave, and come back with it. Builds of one
// release are one kernel here.
struct RunStatistics {
  struct Key {
    std::string kernel, arch, profile, scenario;   // kernel: its release
    auto operator<=>(const Key&) const = default;  // NOLINT(modernize-use-nullptr): a false alarm
  };
  struct Title {
    uint64_t findings = 0;
    long long first = 0;  // grows with the time when the cell first had it
  };
  struct LastRun {
    std::string id;
    absl::Time finished = absl::InfinitePast();
  };
  struct Row {
    Key key;
    // (verdict, emulated) -> runs
    std::map<std::pair<std::string, bool>, uint64_t> verdicts;
    // verdict -> of those, runs of positive controls
    std::map<std::string, uint64_t> controls;
    // verdict -> the run finished last
    std::map<std::string, LastRun> last_runs;
    // kind -> whole findings, of runs under way too; tolerated and distrusted ones are left out
    std::map<std::string, uint64_t> findings;
    // (kind, title as LabelValue makes it) -> the same
    std::map<std::pair<std::string, std::string>, Title> titles;
    ProbeLatencies latencies;  // of all runs together
    absl::Time last_finished = absl::InfinitePast();
  };
  // What the campaign that was finished last found of it; where that decided nothing, the last one that did.
  struct Mutant {
    std::string kernel, scenario, state;  // state: killed, survived
  };
  // Every release and architecture that is stored, but mutants, by release then architecture.
  struct Kernel {
    std::string release, arch;
    std::string tree;  // its label "tree"; of several builds the one's that was added last. Empty: none
  };
  std::vector<Row> rows;
  std::vector<Mutant> mutants;
  std::vector<Kernel> kernels;
  std::map<std::string, Histogram> phases;  // phase -> durations
  uint64_t console_bytes = 0;
  // Since the store was made, of all lkd that use it.
  Work work;
};

// Calls block; each is a transaction of its own. Thread-safe. Errors: NOT_FOUND; UNAVAILABLE (database locked or gone,
// may be tried again); DATA_LOSS (schema newer than this lkd, or damaged).
//
// What Apply and Put* have returned OK for survives a killed lkd. With SQLite (WAL, synchronous=NORMAL) the last
// changes before a power failure may be missing, but the file is never inconsistent: https://sqlite.org/wal.html.
class Store : public SchedulerStore, public WebhookStore {
 public:
  // A campaign comes back with only name and labels in `spec`; who needs the rest parses `spec_yaml` with
  // `overrides` again.
  virtual StatusOr<campaign::Campaign> GetCampaign(const std::string& id) = 0;
  // Id, or a beginning that only one has (several: FAILED_PRECONDITION).
  virtual StatusOr<std::string> ResolveCampaign(const std::string& prefix) = 0;
  // Newest first, those with id < before (empty: all), at most limit.
  virtual StatusOr<std::vector<campaign::Campaign>> ListCampaigns(const std::string& before, int limit) = 0;

  virtual StatusOr<campaign::Run> GetRun(const std::string& id) = 0;
  virtual StatusOr<campaign::Counts> CountRuns(const std::string& campaign_id) = 0;

  virtual StatusOr<std::vector<Event>> EventsAfter(const std::string& campaign_id, uint32_t sequence, int limit) = 0;

  virtual Status PutKernel(const campaign::KernelBuild& kernel) = 0;
  virtual StatusOr<campaign::KernelBuild> GetKernel(const std::string& id) = 0;
  // Newest first by `added`.
  virtual StatusOr<std::vector<campaign::KernelBuild>> ListKernels() = 0;
  virtual Status RemoveKernel(const std::string& id) = 0;
  // Finished runs.
  virtual StatusOr<uint32_t> RunsOfKernel(const std::string& id) = 0;
  // Those of one scenario (empty: all), newest first as campaigns go, that stand before the run `before` (empty: all)
  // in that order; at most limit.
  virtual StatusOr<std::vector<campaign::Run>> DoneRunsOfKernel(const std::string& id, const std::string& scenario,
                                                                const std::string& before, int limit) = 0;

  // Errors: ALREADY_EXISTS (a live token has the name).
  virtual Status AddToken(const access::Token& token) = 0;
  // Newest first; expired and revoked ones, too.
  virtual StatusOr<std::vector<access::Token>> ListTokens() = 0;
  // Whatever its state. Errors: NOT_FOUND.
  virtual StatusOr<access::Token> FindToken(const std::string& hash) = 0;
  // By id, or by the name of a live one. One that is revoked stays as it is. Errors: NOT_FOUND.
  virtual StatusOr<access::Token> RevokeToken(const std::string& name, absl::Time now) = 0;

  virtual Status AddAudit(const access::AuditEntry& entry) = 0;
  // Newest first, those with id < before (empty: all), at most limit.
  virtual StatusOr<std::vector<access::AuditEntry>> ListAudit(const std::string& before, int limit) = 0;
  virtual Status TrimAudit(absl::Time before) = 0;

  virtual StatusOr<RunStatistics> Statistics() = 0;
  // Adds to what Statistics tells of the work of lkd.
  virtual Status Count(const Work& more) = 0;

  // Those finished since `since` that MarkPushed has not been called for, the longest finished first, at most limit.
  virtual StatusOr<std::vector<campaign::Campaign>> UnpushedCampaigns(absl::Time since, int limit) = 0;
  virtual Status MarkPushed(const std::string& campaign_id) = 0;
};

// "sqlite:PATH" (file made with mode 0600: it holds the runs' tokens) or "postgresql://..." (also "postgres://", as
// libpq takes it). Creates the schema or brings it up to date, migration by migration.
// Errors beside those above: INVALID_ARGUMENT (neither kind of URL).
// `observe(operation, seconds)` is told how long each call took; may be empty.
using Observer = std::function<void(std::string_view operation, double seconds)>;
StatusOr<std::unique_ptr<Store>> Open(const std::string& url, Observer observe = {});

}  // namespace lk::store
