// SPDX-License-Identifier: Apache-2.0
// Sums over runs, kept in the database so that reading them does not depend on how many runs there are.
#pragma once

#include <soci/soci.h>

#include <map>
#include <optional>
#include <string>

#include "server/campaign/types.h"
#include "server/store/store.h"

namespace lk::store {

// How many more findings count after a change of those stored of a run: whole ones that are held against the kernel,
// which tolerated and distrusted ones are not. Never fewer: the sums are counters.
class FindingDelta {
 public:
  // A finding as it was stored or will be; empty: there is none. Throws Damaged.
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

// Takes a replaced run (null: new) out of the sums and puts its successor in; only runs that are done count, but
// findings count as they are stored. Part of the caller's transaction. Histograms and phases are added once, when the
// run becomes done: nothing changes them later.
void UpdateTotals(soci::session& sql, const campaign::Run* before, const campaign::Run& after,
                  const FindingDelta& findings);

// Keeps what a campaign that is finished has found of its mutants. Part of the caller's transaction.
void UpdateMutants(soci::session& sql, const std::string& campaign_id);

// Adds to the work of lkd. Part of the caller's transaction.
void AddWork(soci::session& sql, const Work& more);

// What a kernel has columns for, beside its id, release and time.
struct KernelColumns {
  explicit KernelColumns(const campaign::KernelBuild& kernel);
  std::string arch, tree, mutant;
};
// Fills in columns of kernels that a store of before did not have.
void CompleteKernels(soci::session& sql);

// What has been read of the sums so far.
class TotalsReader {
 public:
  // Reads what has changed since the last call, by whichever process; gives the sums of kernels that are stored.
  RunStatistics Read(soci::session& sql);

 private:
  struct Sums {
    uint64_t runs = 0;
    uint64_t controls = 0;
    uint64_t console_bytes = 0;
    RunStatistics::LastRun last;
  };
  struct Cell {
    std::map<std::pair<std::string, bool>, Sums> verdicts;
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
