// SPDX-License-Identifier: Apache-2.0
#include "server/kernels/modules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/kernels/fixtures.h"

namespace lk::kernels {
namespace {

using lk::testing::Compress;
using lk::testing::Filter;
using lk::testing::Module;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ModuleTreeTest : public ::testing::Test {
 protected:
  void Add(const std::string& path, const lk::testing::ModuleSpec& spec = {}) { dir_.Write(path, Module(spec)); }
  // Returns the paths, or just the message of an error.
  std::vector<std::string> Closure(const std::vector<std::string>& names) {
    const auto tree = ModuleTree::Open(dir_.path());
    if (!tree.ok()) return {std::string(tree.status().message())};
    const auto closure = tree->Closure(names);
    if (!closure.ok()) return {std::string(closure.status().message())};
    return {closure->begin(), closure->end()};
  }

  lk::testing::TempDir dir_;
};

TEST_F(ModuleTreeTest, DependenciesComeFirstAndOnlyOnce) {
  Add("net/virtio_net.ko", {.depends = "net_failover,virtio"});
  Add("net/net_failover.ko", {.depends = "failover"});
  Add("net/failover.ko");
  Add("virtio.ko");
  Add("virtio_pci.ko", {.depends = "virtio"});
  EXPECT_THAT(Closure({"virtio_net", "virtio_pci", "failover"}),
              ElementsAre("net/failover.ko", "net/net_failover.ko", "virtio.ko", "net/virtio_net.ko", "virtio_pci.ko"));
}

TEST_F(ModuleTreeTest, DashAndUnderscoreAreEquivalent) {
  Add("pvpanic-pci.ko", {.depends = "pvpanic-core"});
  Add("pvpanic_core.ko");
  EXPECT_THAT(Closure({"pvpanic_pci"}), ElementsAre("pvpanic_core.ko", "pvpanic-pci.ko"));
  EXPECT_THAT(Closure({"pvpanic-pci"}), ElementsAre("pvpanic_core.ko", "pvpanic-pci.ko"));
}

TEST_F(ModuleTreeTest, ReadsCompressedModules) {
  dir_.Write("a.ko.xz", Compress(Module({.depends = "b"}), Filter::kXz));
  dir_.Write("b.ko.zst", Compress(Module({.depends = "c"}), Filter::kZstd));
  dir_.Write("c.ko.gz", Compress(Module({.depends = "d"}), Filter::kGzip));
  Add("d.ko");
  EXPECT_THAT(Closure({"a"}), ElementsAre("d.ko", "c.ko.gz", "b.ko.zst", "a.ko.xz"));
  EXPECT_EQ(ReadModuleFile(dir_.path() / "c.ko.gz").value_or(""), Module({.depends = "d"}));
}

TEST_F(ModuleTreeTest, LeavesOutBuiltInAndAbsentModules) {
  Add("a.ko", {.depends = "built-in"});
  dir_.Write("modules.builtin", "kernel/drivers/built-in.ko\nkernel/other.ko\n");
  EXPECT_THAT(Closure({"a", "other", "nowhere"}), ElementsAre("a.ko"));
  const auto tree = ModuleTree::Open(dir_.path());
  ASSERT_TRUE(tree.ok());
  EXPECT_TRUE(tree->IsBuiltIn("built_in"));
  EXPECT_FALSE(tree->IsBuiltIn("a"));
}

TEST_F(ModuleTreeTest, MissingDependencyIsAnErrorThatNamesBothModules) {
  Add("a.ko", {.depends = "b"});
  EXPECT_THAT(Closure({"a"}), ElementsAre("module a requires b, which is missing"));
}

TEST_F(ModuleTreeTest, SoftDependenciesComeFirstIfPresent) {
  Add("a.ko", {.softdep = "pre: b gone post: c"});
  Add("b.ko");
  Add("c.ko");
  EXPECT_THAT(Closure({"a"}), ElementsAre("b.ko", "a.ko"));
}

TEST_F(ModuleTreeTest, HandlesCircularDependencies) {
  Add("a.ko", {.depends = "b"});
  Add("b.ko", {.depends = "a"});
  EXPECT_THAT(Closure({"a"}), ElementsAre("b.ko", "a.ko"));
}

TEST_F(ModuleTreeTest, RefusesAnOverlongChainOfDependencies) {
  for (int i = 0; i < 1200; ++i) Add("m" + std::to_string(i) + ".ko", {.depends = "m" + std::to_string(i + 1)});
  EXPECT_THAT(Closure({"m0"}), ElementsAre(HasSubstr("too many modules")));
}

TEST_F(ModuleTreeTest, UpdatesTakePrecedence) {
  Add("kernel/a.ko");
  Add("updates/a.ko");
  Add("zzz/a.ko");
  EXPECT_THAT(Closure({"a"}), ElementsAre("updates/a.ko"));
}

TEST_F(ModuleTreeTest, ErrorsNameTheBrokenModule) {
  dir_.Write("kernel/a.ko", "hello");
  EXPECT_THAT(Closure({"a"}), ElementsAre(HasSubstr("module kernel/a.ko: not a kernel module")));
  dir_.Write("kernel/a.ko", Module().substr(0, 100));
  EXPECT_THAT(Closure({"a"}), ElementsAre(HasSubstr("module kernel/a.ko: not a kernel module")));
}

TEST_F(ModuleTreeTest, ReadsTheRelease) {
  Add("a.ko", {.release = "6.12.95"});
  EXPECT_EQ(ModuleTree::Open(dir_.path())->Release().value_or("error"), "6.12.95");
}

TEST(ModuleTree, IsEmptyWithoutADirectory) {
  const auto tree = ModuleTree::Open("/nonexistent");
  ASSERT_TRUE(tree.ok());
  EXPECT_TRUE(tree->empty());
  EXPECT_EQ(tree->Release().value_or("error"), "");
  EXPECT_THAT(tree->Closure({"a"}).value_or(std::vector<std::filesystem::path>{"error"}), IsEmpty());
}

TEST(ParseModinfo, SurvivesCorruptInput) {
  const std::string good = Module({.depends = "a,b", .softdep = "pre: c"});
  ASSERT_TRUE(ParseModinfo(good).ok());
  for (size_t i = 0; i < good.size(); ++i) {
    // Any result is fine; a sanitizer would report invalid memory accesses.
    (void)ParseModinfo(good.substr(0, i));
    std::string damaged = good;
    damaged[i] = '\xff';
    (void)ParseModinfo(damaged);
  }
}

}  // namespace
}  // namespace lk::kernels
