// SPDX-License-Identifier: Apache-2.0
// Requirements for every backend of the store. The test of a backend instantiates StoreTest with that backend.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "server/store/store.h"

namespace lk::store {

struct Backend {
  std::string name;
  // The URL of an empty database, or the reason why there is none.
  std::function<StatusOr<std::string>()> fresh;
};
inline void PrintTo(const Backend& backend, std::ostream* out) {
  *out << backend.name;
}

class StoreTest : public testing::TestWithParam<Backend> {
 protected:
  void SetUp() override;
  std::unique_ptr<Store> Reopen(Observer observe = {}) const;
  // Executes SQL directly, bypassing the store.
  void Execute(const std::string& statement) const;

  std::string url_;
  std::unique_ptr<Store> store_;
};

// The store contains the kernel of SomeRun.
class StatisticsTest : public StoreTest {
 protected:
  void SetUp() override;
  void Save(const campaign::Run& run) const;
  RunStatistics::Row OnlyRow() const;
};

// Realistic values; Filled (tests/unit/filled.h) sets every field.
campaign::Campaign SomeCampaign(const std::string& id);
campaign::Run SomeRun(const std::string& id);
campaign::Run DoneRun(const std::string& id, campaign::Verdict verdict);
campaign::KernelBuild SomeKernel(const std::string& id, const std::string& release);

template <typename T>
std::vector<std::string> Ids(const StatusOr<std::vector<T>>& things) {
  std::vector<std::string> ids;
  for (const T& thing : things.value()) ids.push_back(thing.id);
  return ids;
}

}  // namespace lk::store
