// SPDX-License-Identifier: Apache-2.0
// Tests commands that call a fake lkd and do not follow a stream.
#include <gmock/gmock.h>

#include "fake_lkd.h"
#include "harness.h"
#include "samples.h"

namespace lk::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

TEST(Start, SendsTheFileAndPrintsTheId) {
  FakeLkd lkd;
  lkd.campaigns.campaign = SampleCampaign();
  const TempDir directory;
  const std::string file = directory.Write("nightly.yaml", "apiVersion: lk/v1\n");
  const std::string token = directory.Write("token", "secret\n");
  const Result result =
      lkd.Lkctl({"--token-file", token, "campaign", "start", "--set", "spec.repeats=2", "--set", "a=b", file});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.out, "started c00000000abc\n");
  EXPECT_EQ(lkd.campaigns.started.spec_yaml(), "apiVersion: lk/v1\n");
  EXPECT_THAT(lkd.campaigns.started.set(), ElementsAre("spec.repeats=2", "a=b"));
  EXPECT_FALSE(lkd.campaigns.started.validate_only());
  EXPECT_EQ(lkd.campaigns.authorization, "Bearer secret");

  const Result json = lkd.Lkctl({"-o", "json", "campaign", "start", "-"}, {.in = "from: stdin\n"});
  EXPECT_EQ(json.json()["id"], "c00000000abc");
  EXPECT_EQ(json.json()["state"], "queued");
  EXPECT_EQ(lkd.campaigns.started.spec_yaml(), "from: stdin\n");
}

void AddMistakes(v1::SpecErrors& mistakes) {
  v1::SpecError& first = *mistakes.add_errors();
  first.set_line(12);
  first.set_column(7);
  first.set_path("spec.profiles[0].memory");
  first.set_message("the unit is missing");
  mistakes.add_errors()->set_message("--set x: unknown key \"x\"");
}

TEST(Start, MistakesHavePositionsAndStdoutStaysEmpty) {
  FakeLkd lkd;
  AddMistakes(lkd.campaigns.mistakes);
  const TempDir directory;
  const std::string file = directory.Write("nightly.yaml", "x");
  for (const char* format : {"table", "json"}) {
    const Result result = lkd.Lkctl({"-o", format, "campaign", "start", "--wait", file});
    EXPECT_EQ(result.code, 2);
    EXPECT_EQ(result.out, "");
    EXPECT_EQ(result.err,
              file + ":12:7: spec.profiles[0].memory: the unit is missing\n" + file + ": --set x: unknown key \"x\"\n");
  }
}

TEST(Rerun, SendsTheIdAndPrintsTheNewCampaign) {
  FakeLkd lkd;
  lkd.campaigns.campaign = SampleCampaign();
  const Result all = lkd.Lkctl({"campaign", "rerun", "c0000"});
  EXPECT_EQ(all.code, 0) << all.err;
  EXPECT_EQ(all.out, "started c00000000abc\n");
  EXPECT_EQ(lkd.campaigns.rerun.id(), "c0000");
  EXPECT_FALSE(lkd.campaigns.rerun.failed());

  EXPECT_EQ(lkd.Lkctl({"-o", "json", "campaign", "rerun", "--failed", "c1"}).json()["id"], "c00000000abc");
  EXPECT_TRUE(lkd.campaigns.rerun.failed());

  AddMistakes(lkd.campaigns.mistakes);
  const Result gone = lkd.Lkctl({"campaign", "rerun", "c1"});
  EXPECT_EQ(gone.code, 2);
  EXPECT_THAT(gone.err, HasSubstr("file of campaign c1:12:7: spec.profiles[0].memory: the unit is missing\n"));
}

TEST(Validate, PrintsRunsOrMistakes) {
  FakeLkd lkd;
  lkd.campaigns.campaign.mutable_counts()->set_total(20);
  lkd.campaigns.campaign.mutable_counts()->set_controls(4);
  lkd.campaigns.notes = {"kernel 6.1 has no runs"};
  const Setting in{.in = "spec: {}"};
  const Result good = lkd.Lkctl({"campaign", "validate", "-"}, in);
  EXPECT_EQ(good.code, 0);
  EXPECT_EQ(good.out, "OK: 24 runs\n");
  EXPECT_EQ(good.err, "note: kernel 6.1 has no runs\n");
  EXPECT_TRUE(lkd.campaigns.started.validate_only());
  EXPECT_EQ(lkd.Lkctl({"-o", "json", "campaign", "validate", "-"}, in).json(),
            nlohmann::json({{"errors", nlohmann::json::array()}, {"runs", 24}}));

  AddMistakes(lkd.campaigns.mistakes);
  const Result bad = lkd.Lkctl({"-o", "json", "campaign", "validate", "-"}, in);
  EXPECT_EQ(bad.code, 2);
  EXPECT_EQ(bad.json()["errors"].size(), 2u);
  EXPECT_EQ(bad.json()["errors"][0]["column"], 7);
  EXPECT_THAT(bad.err, HasSubstr("<stdin>:12:7: spec.profiles[0].memory: the unit is missing\n"));
}

TEST(Start, SendsAFileOfKnownProblems) {
  FakeLkd lkd;
  lkd.campaigns.campaign = SampleCampaign();
  const TempDir directory;
  const std::string list = "- title: BUG in f\n  reason: bug 7\n  until: 2027-03-31\n";
  const std::string known = directory.Write("known.yaml", list);
  EXPECT_EQ(lkd.Lkctl({"campaign", "start", "--known", known, "-"}, {.in = "spec: {}"}).code, 0);
  EXPECT_THAT(lkd.campaigns.started.set(), ElementsAre("spec.known=" + list));

  lkd.campaigns.started.Clear();
  const Result bad = lkd.Lkctl({"campaign", "validate", "--known", directory.Write("bad.yaml", "- title: a\n"), "-"},
                               {.in = "spec: {}"});
  EXPECT_EQ(bad.code, 2);
  EXPECT_THAT(bad.err, HasSubstr("bad.yaml:1:3: [0]: \"reason\" is missing\n"));
  EXPECT_EQ(lkd.campaigns.started.spec_yaml(), "");
}

TEST(List, ReadsEveryPage) {
  FakeLkd lkd;
  for (int i = 0; i < 5; ++i) {
    lkd.campaigns.listed.push_back(SampleCampaign());
    lkd.campaigns.listed.back().set_id("c" + std::to_string(i));
  }
  const auto items = lkd.Lkctl({"-o", "json", "campaign", "list"}).lines();
  ASSERT_EQ(items.size(), 5u);
  EXPECT_EQ(items[4]["id"], "c4");
  EXPECT_EQ(lkd.campaigns.list_requests.size(), 3u);

  const Result table = lkd.Lkctl({"campaign", "list"});
  EXPECT_EQ(std::count(table.out.begin(), table.out.end(), '\n'), 6);
  EXPECT_THAT(table.out, HasSubstr("4 pass, 1 fail, 1 error, 1 skip, 3 control, 1 superseded"));
  EXPECT_THAT(table.out, Not(HasSubstr("\x1b")));
}

TEST(Show, NotFoundExitsWith2) {
  FakeLkd lkd;
  lkd.campaigns.campaign = SampleCampaign();
  const Result result = lkd.Lkctl({"-o", "json", "campaign", "show", "cz"});
  EXPECT_EQ(result.code, 2);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, HasSubstr("no campaign cz"));
}

TEST(Host, AddSendsLimitsAndPrintsTheServersError) {
  FakeLkd lkd;
  const Result result = lkd.Lkctl({"-o", "json", "host", "add", "qemu:///session", "--allow-broken-qemu", "--max-vcpus",
                                   "3", "--max-memory", "1.5GiB"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.json()["memoryBytes"], "8589934592") << "protobuf's JSON mapping encodes 64-bit integers as strings";
  EXPECT_EQ(lkd.hosts.added.uri(), "qemu:///session");
  EXPECT_TRUE(lkd.hosts.added.allow_broken_qemu());
  EXPECT_EQ(lkd.hosts.added.max_vcpus(), 3u);
  EXPECT_EQ(lkd.hosts.added.max_memory_bytes(), uint64_t{3} << 29);

  lkd.hosts.answer = grpc::Status(grpc::StatusCode::UNAVAILABLE, "libvirt: no route to host");
  const Result away = lkd.Lkctl({"host", "add", "qemu+tls://far/system"});
  EXPECT_EQ(away.code, 4);
  EXPECT_EQ(away.err, "lkctl: libvirt: no route to host\n") << "the message does not say that lkd is unreachable";
}

TEST(Version, ShowsTheServerVersion) {
  FakeLkd lkd;
  EXPECT_THAT(lkd.Lkctl({"version"}).out, HasSubstr("lkd    9.8.7"));
}

TEST(KernelAdd, PrintsWarnings) {
  FakeLkd lkd;
  lkd.kernels.warning = "lkd has no lk-agent for aarch64 guests; build it with a command";
  const TempDir directory;
  const Result result = lkd.Lkctl({"kernel", "add", directory.Write("vmlinuz", "image")});
  EXPECT_EQ(result.code, 0) << "the build was added";
  EXPECT_EQ(result.err, "lkctl: warning: lkd has no lk-agent for aarch64 guests; build it with a command\n");
}

TEST(KernelAdd, StreamsFilesInOrder) {
  FakeLkd lkd;
  const TempDir directory;
  const std::string image(600000, 'i');
  const std::string vmlinuz = directory.Write("vmlinuz-6.12.0", image);
  const std::string config = directory.Write("config", "CONFIG_X=y\n");
  directory.Write("modules/kernel/net/a.ko", "module a");
  const Result result = lkd.Lkctl({"kernel", "add", "--label", "tree=next", "--label", "x=y=z", vmlinuz,
                                   (directory.path() / "modules").string(), "--config", config});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.out, "added k0123456789ab  6.12.0  x86_64\n");
  ASSERT_EQ(lkd.kernels.received.size(), 1u);
  const auto& build = lkd.kernels.received[0];
  EXPECT_EQ(build.header.source(), "vmlinuz-6.12.0");
  EXPECT_EQ(build.header.labels().at("x"), "y=z");
  ASSERT_EQ(build.files.size(), 3u);
  EXPECT_EQ(build.files[0].first.role(), "image");
  EXPECT_EQ(build.files[0].second, image);
  EXPECT_EQ(build.files[1].first.role(), "modules_archive");
  EXPECT_EQ(build.files[1].first.size_bytes(), build.files[1].second.size());
  EXPECT_EQ(build.files[2].second, "CONFIG_X=y\n");
  EXPECT_LE(lkd.kernels.largest_chunk, 256u << 10);
}

TEST(KernelAdd, PrintsTheServersError) {
  FakeLkd lkd;
  lkd.kernels.answer = grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "not a kernel");
  const TempDir directory;
  const Result result = lkd.Lkctl({"kernel", "add", directory.Write("vmlinuz", std::string(5 << 20, 'x'))});
  EXPECT_EQ(result.code, 2);
  EXPECT_EQ(result.err, "lkctl: not a kernel\n");
}

}  // namespace
}  // namespace lk::cli
