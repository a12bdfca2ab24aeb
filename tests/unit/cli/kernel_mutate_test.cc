// SPDX-License-Identifier: Apache-2.0
// `lkctl kernel mutate` with a fake kernel build script.
#include <gmock/gmock.h>

#include "fake_lkd.h"
#include "harness.h"

namespace lk::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

// A directory with a fake `lab` script. LK_KERNELS_DIR points to the directory while this object exists.
class FakeLab {
 public:
  explicit FakeLab(const std::string& body) {
    const std::string lab = directory_.Write("lab", "#!/bin/bash\ncd \"$(dirname \"$0\")\"\n" + body);
    std::filesystem::permissions(lab, std::filesystem::perms::owner_all);
    setenv("LK_KERNELS_DIR", directory_.path().c_str(), 1);
  }
  ~FakeLab() { unsetenv("LK_KERNELS_DIR"); }
  FakeLab(const FakeLab&) = delete;
  FakeLab& operator=(const FakeLab&) = delete;

  // Contents of a file written by the script; empty if there is none.
  std::string Read(const std::string& name) const {
    std::ifstream file(directory_.path() / name);
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  TempDir directory_;
};

// Creates the build trees of a mutant and of the unmutated kernel. The mutant "other" cannot be built.
constexpr char kBuilds[] = R"(
if [ "$1" = --list-mutants ]; then printf '%s\n' crash_hotplug/mutex crash_hotplug/stale gic/other gic/reserve; exit; fi
echo "$*" >>arguments
if [[ $* == *gic/other* ]]; then echo "patch: the mutant gic/other does not apply to this tree: no such hunk" >&2; exit 1; fi
echo "lab: building" >&2
all="$*"
mutant=${all##*/}
mutant=${mutant%% *}
for build in base $mutant; do
  mkdir -p $build/arch/x86/boot
  echo $build >$build/arch/x86/boot/bzImage
  touch $build/Makefile $build/.config
  printf 'build=%s\ntree=package\n' $build >$build/labels
done
echo mutant-of=base >>$mutant/labels
echo "$PWD/$mutant"
)";

TEST(KernelMutate, AddsTheUnmutatedKernelAndAMutantWithTheirLabels) {
  const FakeLab lab(kBuilds);
  FakeLkd lkd;
  const Result result =
      lkd.Lkctl({"kernel", "mutate", "linux-source-6.1", "--scenario", "crash_hotplug", "--mutant", "mutex", "--arch",
                 "x86_64", "--flavour", "rt", "--suite", "bookworm", "--label", "tree=mine"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(lab.Read("arguments"),
            "--source linux-source-6.1 --arch x86_64 --flavour rt --suite bookworm --mutant crash_hotplug/mutex\n");
  EXPECT_THAT(result.err, HasSubstr("lab: building\n"));
  EXPECT_EQ(result.out, "added k0123456789ab  6.12.0  x86_64\nadded k0123456789ab  6.12.0  x86_64\n");
  ASSERT_EQ(lkd.kernels.received.size(), 2u);
  const auto& [base, mutant] = std::tie(lkd.kernels.received[0], lkd.kernels.received[1]);
  EXPECT_EQ(base.files[0].second, "base\n");
  EXPECT_EQ(base.header.labels().at("build"), "base");
  EXPECT_FALSE(base.header.labels().contains("mutant-of"));
  EXPECT_EQ(mutant.files[0].second, "mutex\n");
  EXPECT_EQ(mutant.header.labels().at("mutant-of"), "base");
  // Labels from the user override labels from the build.
  EXPECT_EQ(mutant.header.labels().at("tree"), "mine");
}

TEST(KernelMutate, PrintsTheMutantAsASingleDocument) {
  const FakeLab lab(kBuilds);
  FakeLkd lkd;
  const Result result =
      lkd.Lkctl({"-o", "json", "kernel", "mutate", "--scenario", "crash_hotplug", "--mutant", "stale"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(lab.Read("arguments"), "--mutant crash_hotplug/stale\n");
  EXPECT_EQ(result.json().at("id"), "k0123456789ab");
}

TEST(KernelMutate, BuildsAllMutantsOfAScenarioByDefault) {
  const FakeLab lab(kBuilds);
  FakeLkd lkd;
  EXPECT_EQ(lkd.Lkctl({"kernel", "mutate", "--scenario", "crash_hotplug"}).code, 0);
  EXPECT_EQ(lab.Read("arguments"), "--mutant crash_hotplug/mutex\n--mutant crash_hotplug/stale\n");
  EXPECT_EQ(lkd.kernels.received.size(), 3u) << "both mutants, and once the kernel that they were made from";
}

TEST(KernelMutate, LeavesOutAMutantThatDoesNotApplyUnlessItWasNamed) {
  const FakeLab lab(kBuilds);
  FakeLkd lkd;
  const Result all = lkd.Lkctl({"kernel", "mutate", "--scenario", "gic"});
  EXPECT_EQ(all.code, 0);
  EXPECT_EQ(lkd.kernels.received.size(), 2u);
  EXPECT_THAT(all.err, AllOf(HasSubstr("no such hunk\n"), HasSubstr("warning: the mutant gic/other was not built\n")));
  EXPECT_EQ(lkd.Lkctl({"kernel", "mutate", "--scenario", "gic", "--mutant", "other"}).code, 2);
}

TEST(KernelMutate, ListsTheMutantsIfTheNameIsUnknown) {
  const FakeLab lab(kBuilds);
  FakeLkd lkd;
  const Result mutant = lkd.Lkctl({"kernel", "mutate", "--scenario", "gic", "--mutant", "x"});
  EXPECT_EQ(mutant.code, 2);
  EXPECT_THAT(mutant.err, HasSubstr("unknown mutant \"gic/x\" (expected one of gic/other, gic/reserve)"));
  const Result scenario = lkd.Lkctl({"kernel", "mutate", "--scenario", "baseline"});
  EXPECT_EQ(scenario.code, 2);
  EXPECT_THAT(scenario.err, HasSubstr("scenario \"baseline\" has no mutant"));
  EXPECT_EQ(lab.Read("arguments"), "");
}

TEST(KernelMutate, AcceptsADirectoryAsTree) {
  const FakeLab lab(kBuilds);
  FakeLkd lkd;
  const TempDir tree;
  const std::string path = tree.path().string();
  EXPECT_EQ(lkd.Lkctl({"kernel", "mutate", path, "--scenario", "gic", "--mutant", "reserve"}).code, 0);
  EXPECT_EQ(lab.Read("arguments"), "--tree " + path + " --mutant gic/reserve\n");
  const Result neither = lkd.Lkctl({"kernel", "mutate", "/nonexistent", "--scenario", "x"});
  EXPECT_EQ(neither.code, 2);
  EXPECT_THAT(neither.err, HasSubstr("/nonexistent is neither a directory nor the name of a source package"));
}

TEST(KernelMutate, FailsBeforeBuildingIfLkdIsUnreachable) {
  const FakeLab lab(kBuilds);
  const Result result = Lkctl({"--server", "unix:/nonexistent/lkd.sock", "kernel", "mutate", "--scenario", "x"});
  EXPECT_EQ(result.code, 4);
  EXPECT_EQ(lab.Read("arguments"), "");
}

TEST(KernelMutate, ForwardsTheReasonForAFailedBuild) {
  const FakeLab lab(kBuilds);
  FakeLkd lkd;
  const Result result = lkd.Lkctl({"kernel", "mutate", "--scenario", "gic", "--mutant", "other"});
  EXPECT_EQ(result.code, 2);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, AllOf(StartsWith("patch: the mutant gic/other does not apply to this tree: no such hunk\n"),
                                HasSubstr("failed with exit code 1")));
  EXPECT_TRUE(lkd.kernels.received.empty());
}

TEST(KernelMutate, SaysWhereItSearchedForTheScript) {
  FakeLkd lkd;
  setenv("LK_KERNELS_DIR", "/nonexistent", 1);
  const Result result = lkd.Lkctl({"kernel", "mutate", "--scenario", "x"});
  unsetenv("LK_KERNELS_DIR");
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.err, HasSubstr("in /nonexistent (set LK_KERNELS_DIR to its directory)"));
}

TEST(KernelMutate, AnInterruptTerminatesTheBuildAndItsChildren) {
  // bash runs the trap once the foreground command has exited, which happens early because the signal goes to the whole
  // process group.
  const FakeLab lab("trap 'echo ended >ended; exit 130' INT\nkill -INT $PPID\nsleep 1000\n");
  FakeLkd lkd;
  const Result result = lkd.Lkctl({"kernel", "mutate", "--scenario", "x"});
  EXPECT_EQ(result.code, 130);
  EXPECT_EQ(lab.Read("ended"), "ended\n");
  EXPECT_TRUE(lkd.kernels.received.empty());
}

}  // namespace
}  // namespace lk::cli
