// SPDX-License-Identifier: Apache-2.0
// Sums over runs, kept in the database so that the time to read them does not depend on the number of runs.
#pragma once

#include <soci/soci.h>

#include <map>
#include <optional>
#include <string>

#include "server/campaign/types.h"
#include "server/store/store.h"

namespace lk::store {

// By how much a change to a run's stored findings increases the number of findings that count: those that are complete
// and neither tolerated, known nor distrusted. Never negative, since the sums are counters.
class FindingDelta {
 public:
  // A finding's old and new body; either may be empty if there is none. Throws Damaged.
  void Replace(const std::string& before, const std::string& after) {
    Add(before, -1);
    Add(after, 1);
  }
  struct Increase {
    std::map<std::string, long long> by_kind;
    std::map<std::pair<std::string, std::string>, long long> by_title;  // kind and title
  };
  Increase Get() const;

 private:
  void Add(const std::string& body, long long times);

  Increase delta_;
};

// Subtracts the old version of a run (null if it has not been counted) from the sums and adds the new one. Only runs
// that are done count, but findings count as soon as they are stored. Histograms and phases are added once, when the
// run is done, since they do not change later. Part of the caller's transaction.
void UpdateTotals(soci::session& sql, const campaign::Run* before, const campaign::Run& after,
                  const FindingDelta& findings);

// Stores which of a finished campaign's mutants were killed and which survived. Part of the caller's transaction.
void UpdateMutants(soci::session& sql, const std::string& campaign_id);

// Adds to the counters of lkd's own work. Part of the caller's transaction.
void AddWork(soci::session& sql, const Work& more);

// The columns of a kernel in addition to id, release, added and body.
struct KernelColumns {
  explicit KernelColumns(const campaign::KernelBuild& kernel);
  std::string arch, tree, mutant;
};
// Fills in these columns for kernels that were stored by an older lkd, which did not have them.
void CompleteKernels(soci::session& sql);

// Reads the sums and caches them.
class TotalsReader {
 public:
  // Reads what any process has changed since the last call. Returns the sums of the kernels in the store.
  RunStatistics Read(soci::session& sql);

 private:
  struct Sums {
    uint64_t runs = 0;
    uint64_t controls = 0;
    uint64_t console_bytes = 0;
    RunStatistics::LastRun last;
  };
  struct Cell {
    std::map<RunStatistics::Verdict, Sums> verdicts;
    std::map<std::string, uint64_t> findings;
    std::map<std::pair<std::string, std::string>, RunStatistics::Title> titles;
    ProbeLatencies latencies;
  };

  void ReadNewer(soci::session& sql);
  void ReadNewerRuns(soci::session& sql);
  void ReadNewerFindings(soci::session& sql);

  long long revision_ = 0;
  std::map<RunStatistics::Key, Cell> cells_;
  std::map<std::string, Histogram> phases_;
};

}  // namespace lk::store
