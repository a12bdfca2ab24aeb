// SPDX-License-Identifier: Apache-2.0
// What every backend of the store must do. A backend's test instantiates StoreTest with itself.
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
  // URL of a database with nothing in it, or a reason why there is none.
  std::function<StatusOr<std::string>()> fresh;
};
inline void PrintTo(const Backend& backend, std::ostream* out) {
  *out << backend.name;
}

class StoreTest : public testing::TestWithParam<Backend> {
 protected:
  void SetUp() override;
  std::unique_ptr<Store> Reopen(Observer observe = {}) const;
  // Past the store.
  void Execute(const std::string& statement) const;

  std::string url_;
  std::unique_ptr<Store> store_;
};

// With the kernel of SomeRun stored.
class StatisticsTest : public StoreTest {
 protected:
  void SetUp() override;
  void Save(const campaign::Run& run) const;
  RunStatistics::Row OnlyRow() const;
};

// Values as lkd has them; Filled (tests/unit/filled.h) has every field set.
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
