// SPDX-License-Identifier: Apache-2.0
#include "server/api/convert.h"

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include "lk/v1/agent.pb.h"
#include "lk/v1/campaign.pb.h"
#include "lk/v1/finding.pb.h"
#include "lk/v1/host.pb.h"
#include "lk/v1/kernel.pb.h"
#include "lk/v1/run.pb.h"
#include "server/scheduler/driver.h"
#include "tests/unit/filled.h"

namespace lk::api {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

campaign::Finding SomeFinding() {
  campaign::Finding finding;
  finding.kind = detect::Kind::kCsdStall;
  finding.title = "csd stall in f";
  finding.function = "f";
  finding.frames = {{.function = "f", .offset = 16, .module = "m", .location = "a.c:1"}};
  finding.others = {{.cpu = 3, .task = "kworker/3:1:99", .function = "g", .frames = finding.frames}};
  return finding;
}

TEST(Convert, FindingsAreSentInFull) {
  campaign::Finding finding = SomeFinding();
  v1::Finding proto = ToProto(finding);
  EXPECT_EQ(proto.function(), "f");
  ASSERT_EQ(proto.others_size(), 1);
  EXPECT_EQ(proto.others(0).cpu(), 3);
  EXPECT_EQ(proto.others(0).task(), "kworker/3:1:99");
  EXPECT_EQ(proto.others(0).function(), "g");
  ASSERT_EQ(proto.others(0).frames_size(), 1);
  EXPECT_EQ(proto.others(0).frames(0).location(), "a.c:1");
  EXPECT_EQ(proto.frames(0).offset(), 16u);
  EXPECT_FALSE(proto.open());
  EXPECT_FALSE(proto.counted());
  EXPECT_EQ(proto.distrust(), "");

  finding.open = true;
  finding.counted = true;
  finding.distrust = "the VM was paused for 12s";
  proto = ToProto(finding);
  EXPECT_TRUE(proto.open());
  EXPECT_TRUE(proto.counted());
  EXPECT_EQ(proto.distrust(), "the VM was paused for 12s");
}

TEST(Convert, FindingsNameTheirParties) {
  campaign::Finding finding = SomeFinding();
  EXPECT_FALSE(ToProto(finding).has_victim());
  finding.victim = {.cpu = -1, .task = "mount:812", .function = "f"};
  finding.culprit = {.cpu = 3, .task = "", .function = "g"};
  finding.architecture = "aarch64";
  finding.modules = {"virtio_net", "btrfs"};
  finding.known = "fix is queued";
  const v1::Finding proto = ToProto(finding);
  EXPECT_EQ(proto.victim().cpu(), -1);
  EXPECT_EQ(proto.victim().task(), "mount:812");
  EXPECT_EQ(proto.victim().function(), "f");
  EXPECT_EQ(proto.culprit().cpu(), 3);
  EXPECT_EQ(proto.culprit().function(), "g");
  EXPECT_EQ(proto.architecture(), "aarch64");
  EXPECT_THAT(proto.modules(), ElementsAre("virtio_net", "btrfs"));
  EXPECT_EQ(proto.known(), "fix is queued");
}

TEST(Convert, CampaignsIncludeTheKnownProblemsExceptInEvents) {
  campaign::Campaign campaign;
  campaign.spec.known =
      known::List({{"WARNING in f.*", detect::Kind::kWarning, "fix is queued", absl::CivilDay(2027, 3, 31)},
                   {"BUG in g", std::nullopt, "bug 7", absl::CivilDay(2027, 3, 31)}});
  const v1::Campaign proto = ToProto(campaign, {});
  ASSERT_EQ(proto.known_size(), 2);
  EXPECT_EQ(proto.known(0).title(), "WARNING in f.*");
  EXPECT_EQ(proto.known(0).kind(), "warning");
  EXPECT_EQ(proto.known(0).reason(), "fix is queued");
  EXPECT_EQ(proto.known(0).until(), "2027-03-31");
  EXPECT_EQ(proto.known(1).kind(), "");
  v1::CampaignEvent event;
  ASSERT_TRUE(event.ParseFromString(MakeAnnouncer().campaign(campaign, {}, absl::UnixEpoch())));
  EXPECT_EQ(event.campaign().known_size(), 0);
}

TEST(Convert, MistakesSurviveARoundTrip) {
  const std::vector<campaign::SpecError> mistakes =
      FromProto(ToProto({{3, 7, "spec.repeats", "too many"}, {0, 0, "spec", "nothing to run"}}));
  ASSERT_EQ(mistakes.size(), 2u);
  EXPECT_EQ(mistakes[0].line, 3u);
  EXPECT_EQ(mistakes[0].column, 7u);
  EXPECT_EQ(mistakes[0].path, "spec.repeats");
  EXPECT_EQ(mistakes[0].message, "too many");
  EXPECT_EQ(mistakes[1].message, "nothing to run");
}

// Names of the fields with default values, in a message and in the messages nested in it.
std::vector<std::string> Unset(const google::protobuf::Message& message) {
  const google::protobuf::Descriptor& type = *message.GetDescriptor();
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  std::vector<std::string> names;
  const auto add = [&](const google::protobuf::FieldDescriptor& field, const google::protobuf::Message& within) {
    if (field.message_type()->options().map_entry()) return;
    for (const std::string& name : Unset(within)) names.push_back(field.name() + "." + name);
  };
  for (int i = 0; i < type.field_count(); ++i) {
    const google::protobuf::FieldDescriptor& field = *type.field(i);
    if (field.is_repeated() ? reflection.FieldSize(message, &field) == 0 : !reflection.HasField(message, &field)) {
      names.push_back(field.name());
    } else if (field.message_type() == nullptr || field.message_type()->file()->package() != "lk.v1") {
      continue;
    } else if (field.is_repeated()) {
      add(field, reflection.GetRepeatedMessage(message, &field, 0));
    } else {
      add(field, reflection.GetMessage(message, &field));
    }
  }
  return names;
}

TEST(Convert, EveryFieldIsSent) {
  campaign::Run run = Filled<campaign::Run>();
  run.phase_seconds["boot"] = 1;
  EXPECT_THAT(Unset(ToProto(run)), IsEmpty());
  EXPECT_THAT(Unset(ToProto(Filled<campaign::Finding>())), IsEmpty());
  EXPECT_THAT(Unset(ToProto(Filled<campaign::KernelBuild>(), true, 1)), IsEmpty());
  EXPECT_THAT(Unset(ToProto(Filled<campaign::KernelBuild>(), false, 1)), ElementsAre("config", "guest_modules"));
  EXPECT_THAT(Unset(ToProto(Filled<campaign::Host>(), {1, 1})), IsEmpty());
  EXPECT_THAT(Unset(ToProto(Filled<campaign::Campaign>(), Filled<campaign::Counts>())),
              UnorderedElementsAre("runs", "mutants", "mutation_score"));
}

campaign::Run HungRun() {
  using Step = campaign::PostMortemStep;
  campaign::Run run;
  run.id = "c0-1";
  run.post_mortem = {{.step = Step::Step::kRegisters,
                      .outcome = Step::Outcome::kDone,
                      .detail = "2 of 2 CPUs running with interrupts off",
                      .text = "RAX=0",
                      .seconds = 0.5},
                     {.step = Step::Step::kDump,
                      .outcome = Step::Outcome::kSkipped,
                      .detail = "not requested",
                      .text = "",
                      .seconds = 0}};
  run.paused_seconds = 12;
  run.steal_seconds = 0.25;
  run.delay_seconds = 1.5;
  return run;
}

TEST(Convert, RunsIncludeThePostMortem) {
  const v1::Run proto = ToProto(HungRun());
  ASSERT_EQ(proto.post_mortem_size(), 2);
  EXPECT_EQ(proto.post_mortem(0).step(), "registers");
  EXPECT_EQ(proto.post_mortem(0).outcome(), "done");
  EXPECT_EQ(proto.post_mortem(0).detail(), "2 of 2 CPUs running with interrupts off");
  EXPECT_EQ(proto.post_mortem(0).text(), "RAX=0");
  EXPECT_EQ(proto.post_mortem(0).seconds(), 0.5);
  EXPECT_EQ(proto.post_mortem(1).step(), "dump");
  EXPECT_EQ(proto.post_mortem(1).outcome(), "skipped");
  EXPECT_EQ(proto.paused_seconds(), 12);
  EXPECT_EQ(proto.steal_seconds(), 0.25);
  EXPECT_EQ(proto.delay_seconds(), 1.5);
}

TEST(Convert, TablesAreTruncated) {
  v1::AgentMessage message;
  for (int n = 0; n < 20; ++n) {
    v1::Table* table = message.mutable_samples()->add_tables();
    table->set_name("t" + std::to_string(n));
    for (int i = 0; i < 30; ++i) table->add_columns("c");
    for (int i = 0; i < 2000; ++i) table->add_rows()->add_cells(std::string(1000, 'x'));
  }
  const auto words = FromProto(message);
  ASSERT_TRUE(words.ok());
  const auto& tables = std::get<scheduler::Samples>(*words).tables;
  EXPECT_EQ(tables.size(), campaign::kMaxTables);
  const campaign::Table& table = tables.at("t0");
  EXPECT_EQ(table.columns.size(), 16u);
  ASSERT_EQ(table.rows.size(), 1000u);
  ASSERT_EQ(table.rows[0].size(), 16u) << "each row has a cell for each column";
  EXPECT_EQ(table.rows[0][0].size(), 128u);

  campaign::Run run;
  run.tables["lpi_tables"] = {{"boot", "cpu"}, {{"0", "1"}, {"1", "1"}}};
  const v1::Run proto = ToProto(run);
  ASSERT_EQ(proto.tables_size(), 1);
  EXPECT_EQ(proto.tables(0).name(), "lpi_tables");
  EXPECT_EQ(proto.tables(0).columns(1), "cpu");
  EXPECT_EQ(proto.tables(0).rows(1).cells(0), "1");
}

TEST(Convert, EventsOmitLongTexts) {
  const scheduler::Announcer announcer = MakeAnnouncer();
  v1::CampaignEvent event;
  ASSERT_TRUE(event.ParseFromString(announcer.run(HungRun(), absl::UnixEpoch())));
  ASSERT_EQ(event.run().post_mortem_size(), 2);
  EXPECT_EQ(event.run().post_mortem(0).detail(), "2 of 2 CPUs running with interrupts off");
  EXPECT_EQ(event.run().post_mortem(0).text(), "");

  campaign::Finding open = SomeFinding();
  open.open = true;
  ASSERT_TRUE(event.ParseFromString(announcer.finding("c0-1", open, absl::UnixEpoch())));
  EXPECT_EQ(event.finding().run_id(), "c0-1");
  EXPECT_TRUE(event.finding().finding().open());
}

TEST(Convert, ACampaignListsItsMutants) {
  std::vector<campaign::Run> runs(3);
  for (size_t i = 0; i < runs.size(); ++i) {
    runs[i].id = "c0-" + std::to_string(i + 1);
    runs[i].kernel_id = "k" + std::to_string(i + 1);
    runs[i].kernel_release = "6.12-m" + std::to_string(i + 1);
    runs[i].scenario = "swarm";
    runs[i].state = campaign::RunState::kDone;
    runs[i].verdict = i == 0 ? campaign::Verdict::kFail : campaign::Verdict::kPass;
    runs[i].reason = "because";
    runs[i].control = i < 2;
  }
  runs[0].symptom = "invariant";
  runs[0].mutation = "mutex";
  runs[0].unmutated = "k3";
  runs[2].sibling = true;
  v1::Campaign proto = ToProto(campaign::Campaign{}, campaign::Count(runs));
  EXPECT_EQ(proto.counts().controls(), 2u);
  EXPECT_EQ(proto.counts().total(), 1u);
  EXPECT_FALSE(proto.has_mutation_score());
  AddRuns({runs[2]}, proto);
  EXPECT_FALSE(proto.has_mutation_score()) << "without mutants, there is no score";

  proto.clear_runs();
  AddRuns(runs, proto);
  ASSERT_EQ(proto.runs_size(), 3);
  EXPECT_TRUE(proto.runs(0).control());
  EXPECT_FALSE(proto.runs(2).control());
  ASSERT_EQ(proto.mutants_size(), 2);
  EXPECT_EQ(proto.mutants(0).kernel_id(), "k1");
  EXPECT_EQ(proto.mutants(0).kernel(), "6.12-m1");
  EXPECT_EQ(proto.mutants(0).scenario(), "swarm");
  EXPECT_EQ(proto.mutants(0).mutation(), "mutex");
  EXPECT_EQ(proto.runs(0).symptom(), "invariant");
  EXPECT_EQ(proto.mutants(0).state(), "killed");
  EXPECT_EQ(proto.mutants(0).reason(), "because");
  EXPECT_EQ(proto.mutants(0).run_ids(0), "c0-1");
  EXPECT_EQ(proto.mutants(1).state(), "survived");
  EXPECT_EQ(proto.mutation_score().killed(), 1u);
  EXPECT_EQ(proto.mutation_score().all(), 2u);
}

TEST(Convert, DoneReportsEmulation) {
  v1::AgentMessage message;
  message.mutable_done()->set_outcome("ok");
  message.mutable_done()->set_emulated(true);
  EXPECT_TRUE(std::get<scheduler::AgentDone>(*FromProto(message)).emulated);
  message.mutable_done()->clear_emulated();
  EXPECT_FALSE(std::get<scheduler::AgentDone>(*FromProto(message)).emulated);
}

TEST(Convert, ACounterTellsHowLongTheLatestEventTook) {
  v1::AgentMessage message;
  v1::Counter& late = *message.mutable_samples()->add_counters();
  late.set_name("calls_slow");
  late.set_took_seconds(7);
  late.set_limit_seconds(5);
  late.set_distrust("says the guest");
  const auto samples = std::get<scheduler::Samples>(FromProto(message).value());
  EXPECT_EQ(samples.counters.at("calls_slow").took_seconds, 7);
  EXPECT_EQ(samples.counters.at("calls_slow").limit_seconds, 5);
  EXPECT_EQ(samples.counters.at("calls_slow").distrust, "");
}

TEST(Convert, AHeartbeatReportsStealTime) {
  v1::AgentMessage message;
  message.mutable_heartbeat()->set_progress(7);
  message.mutable_heartbeat()->add_steal_ticks(150);
  // A guest can send anything; the stored value must remain finite.
  message.mutable_heartbeat()->add_steal_ticks(UINT64_MAX);
  const auto heartbeat = std::get<scheduler::Heartbeat>(FromProto(message).value());
  ASSERT_EQ(heartbeat.steal.size(), 2u);
  EXPECT_EQ(heartbeat.steal[0], absl::Milliseconds(1500));
  EXPECT_LT(heartbeat.steal[1], absl::InfiniteDuration());
}

TEST(Convert, GuestFindingsMayComeFromACounter) {
  v1::AgentMessage message;
  message.mutable_finding()->set_kind("soft_lockup");
  message.mutable_finding()->set_title("softlockup_count rose to 1");
  EXPECT_FALSE(std::get<scheduler::GuestFinding>(FromProto(message).value()).finding.counted);
  message.mutable_finding()->set_counted(true);
  EXPECT_TRUE(std::get<scheduler::GuestFinding>(FromProto(message).value()).finding.counted);
  message.mutable_finding()->set_kind("no kind");
  EXPECT_THAT(std::string(FromProto(message).status().message()), HasSubstr("unknown finding kind"));
}

}  // namespace
}  // namespace lk::api
