// SPDX-License-Identifier: Apache-2.0
#include "server/symbols/cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lk::symbols {
namespace {

using ::testing::ElementsAre;

TEST(Cache, KeepsTheMostRecentlyUsedOpen) {
  std::vector<std::string> asked;
  Cache cache(
      [&](const std::string& id) -> std::vector<std::filesystem::path> {
        asked.push_back(id);
        return {LK_SAMPLE_KERNEL};
      },
      2);
  const auto a = cache.SymbolsOf("a");
  ASSERT_TRUE(a.ok()) << a.status();
  EXPECT_TRUE(cache.SymbolsOf("b").ok());
  EXPECT_EQ(*cache.SymbolsOf("a"), *a);
  // Closes b, the least recently used.
  EXPECT_TRUE(cache.SymbolsOf("c").ok());
  EXPECT_EQ(*cache.SymbolsOf("a"), *a);
  EXPECT_TRUE(cache.SymbolsOf("b").ok());
  EXPECT_THAT(asked, ElementsAre("a", "b", "c", "b"));
}

TEST(Cache, ReportsErrorsAndRetriesOnTheNextCall) {
  std::vector<std::filesystem::path> files;
  Cache cache([&](const std::string&) { return files; });
  EXPECT_EQ(cache.SymbolsOf("k").status().code(), absl::StatusCode::kNotFound);
  files = {"/nonexistent"};
  EXPECT_EQ(cache.SymbolsOf("k").status().code(), absl::StatusCode::kNotFound);
  files = {LK_SAMPLE_KERNEL};
  EXPECT_TRUE(cache.SymbolsOf("k").ok()) << "an error is not cached";
}

}  // namespace
}  // namespace lk::symbols
