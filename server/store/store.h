// SPDX-License-Identifier: Apache-2.0
// lkd's persistent storage. It stores domain types; only events are stored as API messages (see Event).
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

// An event for the watchers of a campaign. `payload` is a serialised lk.v1.CampaignEvent without its sequence.
struct Event {
  uint32_t sequence = 0;  // 1, 2 ... within the campaign, assigned by the store
  absl::Time time;
  std::string payload;
};

// Counters of lkd's own work.
struct Work {
  uint64_t agent_samples = 0;              // sample messages from agents
  std::map<std::string, Histogram> calls;  // store operation -> durations
};

// The data behind /metrics: sums over finished runs (including superseded attempts), and over findings as soon as they
// are stored. `rows`, `mutants` and `kernels` include only kernels in the store: the rows of a removed kernel
// disappear, and reappear if it is added again. Builds of the same release count as one kernel.
struct RunStatistics {
  struct Key {
    std::string kernel, arch, profile, scenario;   // kernel: its release
    auto operator<=>(const Key&) const = default;  // NOLINT(modernize-use-nullptr): a false positive
  };
  struct Verdict {
    std::string word;
    bool emulated = false, harness = false;
    auto operator<=>(const Verdict&) const = default;  // NOLINT(modernize-use-nullptr): a false positive
  };
  struct Title {
    uint64_t findings = 0;
    long long first = 0;  // the later the title first appeared in this Row, the greater
  };
  struct LastRun {
    std::string id;
    absl::Time finished = absl::InfinitePast();
  };
  struct Row {
    Key key;
    std::map<Verdict, uint64_t> verdicts;  // -> runs
    // verdict -> how many of these runs were positive controls
    std::map<std::string, uint64_t> controls;
    // verdict -> the run that finished last
    std::map<std::string, LastRun> last_runs;
    // kind -> complete findings, including those of unfinished runs, except tolerated, known and distrusted ones
    std::map<std::string, uint64_t> findings;
    // (kind, title as returned by LabelValue) -> the same findings, and when the first one appeared
    std::map<std::pair<std::string, std::string>, Title> titles;
    ProbeLatencies latencies;  // of all runs together
    absl::Time last_finished = absl::InfinitePast();
  };
  // The result of the last finished campaign that was conclusive for the mutant.
  struct Mutant {
    std::string kernel, scenario, state;  // state: killed, survived
  };
  // Each release and architecture for which the store has a build that is not a mutant. Sorted by release, then by
  // architecture.
  struct Kernel {
    std::string release, arch;
    std::string tree;  // label "tree" of the build added last, or empty if it has none
  };
  std::vector<Row> rows;
  std::vector<Mutant> mutants;
  std::vector<Kernel> kernels;
  std::map<std::string, Histogram> phases;  // phase -> durations
  uint64_t console_bytes = 0;
  // Since the store was created, by all instances of lkd that use it.
  Work work;
};

// Calls block; each is a separate transaction. Thread-safe. Errors: NOT_FOUND; UNAVAILABLE (the database is locked or
// gone; the call can be retried); DATA_LOSS (the schema is newer than this lkd, or data is damaged).
//
// Changes for which Apply or Put* has returned OK survive if lkd is killed. With SQLite (WAL, synchronous=NORMAL), the
// last changes before a power failure may be lost, but the file is never inconsistent: https://sqlite.org/wal.html.
class Store : public SchedulerStore, public WebhookStore {
 public:
  // The campaign's `spec` contains only the name and the labels; callers that need the rest must parse `spec_yaml` with
  // `overrides` again.
  virtual StatusOr<campaign::Campaign> GetCampaign(const std::string& id) = 0;
  // Finds a campaign by its id, or by a unique prefix of it (FAILED_PRECONDITION if several campaigns match).
  virtual StatusOr<std::string> ResolveCampaign(const std::string& prefix) = 0;
  // Newest first, those with id < `before` (all if empty), at most `limit`.
  virtual StatusOr<std::vector<campaign::Campaign>> ListCampaigns(const std::string& before, int limit) = 0;

  virtual StatusOr<campaign::Run> GetRun(const std::string& id) = 0;
  virtual StatusOr<campaign::Counts> CountRuns(const std::string& campaign_id) = 0;

  virtual StatusOr<std::vector<Event>> EventsAfter(const std::string& campaign_id, uint32_t sequence, int limit) = 0;

  virtual Status PutKernel(const campaign::KernelBuild& kernel) = 0;
  virtual StatusOr<campaign::KernelBuild> GetKernel(const std::string& id) = 0;
  // Newest first by `added`.
  virtual StatusOr<std::vector<campaign::KernelBuild>> ListKernels() = 0;
  virtual Status RemoveKernel(const std::string& id) = 0;
  // The number of the kernel's finished runs.
  virtual StatusOr<uint32_t> RunsOfKernel(const std::string& id) = 0;
  // The kernel's finished runs of one scenario (of all if empty), in descending order of campaign and run number.
  // Starts after the run `before` (with the first one if empty); at most `limit`.
  virtual StatusOr<std::vector<campaign::Run>> DoneRunsOfKernel(const std::string& id, const std::string& scenario,
                                                                const std::string& before, int limit) = 0;

  // Errors: ALREADY_EXISTS (a live token has the name).
  virtual Status AddToken(const access::Token& token) = 0;
  // Newest first, including expired and revoked ones.
  virtual StatusOr<std::vector<access::Token>> ListTokens() = 0;
  // Finds a token in any state. Errors: NOT_FOUND.
  virtual StatusOr<access::Token> FindToken(const std::string& hash) = 0;
  // Revokes a token by id, or a live one by name. A token that is already revoked is left unchanged. Errors: NOT_FOUND.
  virtual StatusOr<access::Token> RevokeToken(const std::string& name, absl::Time now) = 0;

  virtual Status AddAudit(const access::AuditEntry& entry) = 0;
  // Newest first, those with id < `before` (all if empty), at most `limit`.
  virtual StatusOr<std::vector<access::AuditEntry>> ListAudit(const std::string& before, int limit) = 0;
  virtual Status TrimAudit(absl::Time before) = 0;

  virtual StatusOr<RunStatistics> Statistics() = 0;
  // Adds `more` to the counters that Statistics returns.
  virtual Status Count(const Work& more) = 0;

  // Campaigns that have finished since `since` and for which MarkPushed has not been called, in the order in which they
  // finished; at most `limit`.
  virtual StatusOr<std::vector<campaign::Campaign>> UnpushedCampaigns(absl::Time since, int limit) = 0;
  virtual Status MarkPushed(const std::string& campaign_id) = 0;
};

// `url` is "sqlite:PATH" (created with mode 0600, since it holds the runs' tokens) or "postgresql://..." (or
// "postgres://", which libpq also accepts). Creates the schema or brings it up to date, migration by migration. Errors
// in addition to those of Store: INVALID_ARGUMENT (invalid URL). `observe(operation, seconds)` is called with the
// duration of each call; it may be empty.
using Observer = std::function<void(std::string_view operation, double seconds)>;
StatusOr<std::unique_ptr<Store>> Open(const std::string& url, Observer observe = {});

}  // namespace lk::store
