// SPDX-License-Identifier: Apache-2.0
#include "server/api/convert.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <type_traits>

#include "lk/v1/agent.pb.h"
#include "lk/v1/campaign.pb.h"
#include "lk/v1/finding.pb.h"
#include "lk/v1/host.pb.h"
#include "lk/v1/kernel.pb.h"
#include "lk/v1/run.pb.h"
#include "server/campaign/fields.h"
#include "server/campaign/mutation.h"
#include "server/scheduler/driver.h"
#include "support/histogram_proto.h"
#include "support/proto_time.h"

namespace lk::api {

// Truncates to microseconds, the precision of the store.
void Set(google::protobuf::Timestamp* proto, absl::Time time) {
  *proto = ToTimestamp(absl::FromUnixMicros(absl::ToUnixMicros(time)));
}

namespace {

bool Known(absl::Time time) {
  return time != absl::InfinitePast() && time != absl::InfiniteFuture();
}

uint32_t Saturated(uint64_t value) {
  return static_cast<uint32_t>(std::min<uint64_t>(value, UINT32_MAX));
}

// In chronological order.
constexpr std::array<const char*, 6> kPhases = {"image", "define", "boot", "run", "drain", "destroy"};

// Unit of times in /proc/stat: USER_HZ is 100 on every architecture that lk supports (proc_stat(5)).
constexpr absl::Duration kTick = absl::Milliseconds(10);

// Limit on the bytes of a text from a guest; longer texts are truncated.
constexpr size_t kMaxText = 4096;

std::string Bounded(const std::string& text) {
  return text.substr(0, kMaxText);
}

// Truncates to the limits documented at lk.v1.Table.
campaign::Table TableFromProto(const v1::Table& proto) {
  constexpr int kMaxColumns = 16, kMaxRows = 1000;
  constexpr size_t kMaxCell = 128;
  campaign::Table table;
  for (int i = 0; i < std::min(proto.columns_size(), kMaxColumns); ++i) {
    table.columns.push_back(proto.columns(i).substr(0, kMaxCell));
  }
  for (int i = 0; i < std::min(proto.rows_size(), kMaxRows); ++i) {
    std::vector<std::string>& row = table.rows.emplace_back(table.columns.size());
    for (int j = 0; j < std::min(proto.rows(i).cells_size(), static_cast<int>(row.size())); ++j) {
      row[static_cast<size_t>(j)] = proto.rows(i).cells(j).substr(0, kMaxCell);
    }
  }
  return table;
}

// ---- sending: a field has the same name in the message, except those in kSpecialFields ------------------------------

using FieldName = std::string_view;

// Fields that are not sent, or that ToProto converts. A field that is neither listed here nor in the message causes a
// compile error.
template <typename T>
constexpr std::array<FieldName, 0> kSpecialFields = {};
// Not sent: needed only by lkd, to merge and judge findings.
template <>
constexpr auto kSpecialFields<campaign::Finding> = std::to_array<FieldName>({"nmi", "fatal", "saturated"});
template <>
constexpr auto kSpecialFields<campaign::Run> =
    std::to_array<FieldName>({// Sent under other names: kernel, host, phases.
                              "kernel_release", "host_id", "phase_seconds",
                              // Not sent: internal to lkd, and the agent's secrets.
                              "cell", "unmutated", "sibling", "ending", "doubted", "token", "canary_nonce", "boot_id",
                              "agent_sequence", "reboot_until", "announced_boots"});
template <>
constexpr auto kSpecialFields<campaign::Campaign> = std::to_array<FieldName>({// Sent once there is a verdict.
                                                                              "finished",
                                                                              // Only the name, the labels and the known
                                                                              // problems are sent.
                                                                              "spec",
                                                                              // Not sent.
                                                                              "overrides"});
// Sent only on request.
template <>
constexpr auto kSpecialFields<campaign::KernelBuild> = std::to_array<FieldName>({"config", "guest_modules"});
// Not sent.
template <>
constexpr auto kSpecialFields<campaign::Host> = std::to_array<FieldName>({"allow_broken_qemu"});

template <typename T>
concept Word = std::is_enum_v<T>;

template <HasFields T, typename Message>
void SendFields(const T& value, Message& proto);

template <typename Field, typename Message>
void Send(Field field, const std::string& value, Message& proto) {
  field.Set(proto, value);
}
template <typename Field, typename Message>
void Send(Field field, Word auto value, Message& proto) {
  field.Set(proto, std::string(ToString(value)));
}
template <typename Field, Word T, typename Message>
void Send(Field field, const std::optional<T>& value, Message& proto) {
  if (value) Send(field, *value, proto);
}
template <typename Field, typename T, typename Message>
requires std::is_arithmetic_v<T>
void Send(Field field, T value, Message& proto) {
  // JSON numbers do not have 64 bits of precision, so most messages use 32-bit fields.
  if constexpr (std::is_same_v<T, uint64_t> && std::is_same_v<decltype(field.Get(proto)), uint32_t>) {
    field.Set(proto, Saturated(value));
  } else {
    field.Set(proto, value);
  }
}
template <typename Field, typename Message>
void Send(Field field, absl::Time value, Message& proto) {
  if (Known(value)) Set(field.Mutable(proto), value);
}
template <typename Field, typename Message>
void Send(Field field, absl::CivilDay value, Message& proto) {
  field.Set(proto, absl::FormatCivilTime(value));
}
template <typename Field, HasFields T, typename Message>
void Send(Field field, const T& value, Message& proto) {
  SendFields(value, *field.Mutable(proto));
}
template <typename Field, HasFields T, typename Message>
void Send(Field field, const std::optional<T>& value, Message& proto) {
  if (value) Send(field, *value, proto);
}
template <typename Field, typename Message>
void Send(Field field, const std::vector<std::string>& values, Message& proto) {
  for (const std::string& value : values) field.Add(proto, value);
}
template <typename Field, HasFields T, typename Message>
void Send(Field field, const std::vector<T>& values, Message& proto) {
  for (const T& value : values) SendFields(value, *field.Add(proto));
}
template <typename Field, typename Message>
void Send(Field field, const std::map<std::string, std::string>& values, Message& proto) {
  field.Mutable(proto)->insert(values.begin(), values.end());
}
template <typename Field, HasFields T, typename Message>
void Send(Field field, const std::map<std::string, T>& values, Message& proto) {
  for (const auto& [name, value] : values) {
    auto* added = field.Add(proto);
    added->set_name(name);
    SendFields(value, *added);
  }
}
template <typename Field, typename Message>
void Send(Field field, const std::map<std::string, Histogram>& values, Message& proto) {
  for (const auto& [probe, histogram] : values) *field.Add(proto) = Summary(histogram, probe);
}
// The rows of a Table.
template <typename Field, typename Message>
void Send(Field field, const std::vector<std::vector<std::string>>& rows, Message& proto) {
  for (const auto& row : rows) {
    auto* added = field.Add(proto);
    for (const std::string& cell : row) added->add_cells(cell);
  }
}

template <HasFields T, typename Message>
void SendFields(const T& value, Message& proto) {
  static_assert(AreFields<T>(kSpecialFields<T>));
  ForEachField(value, [&](auto field, const auto& part) {
    if constexpr (!Includes(kSpecialFields<T>, field.name)) Send(field, part, proto);
  });
}

}  // namespace

v1::Finding ToProto(const campaign::Finding& finding) {
  v1::Finding proto;
  SendFields(finding, proto);
  return proto;
}

v1::Run ToProto(const campaign::Run& run) {
  v1::Run proto;
  SendFields(run, proto);
  proto.set_kernel(run.kernel_release);
  proto.set_host(run.host_id);
  for (const char* phase : kPhases) {
    const auto seconds = run.phase_seconds.find(phase);
    if (seconds == run.phase_seconds.end()) continue;
    v1::PhaseDuration* added = proto.add_phases();
    added->set_phase(phase);
    added->set_seconds(seconds->second);
  }
  return proto;
}

v1::Campaign ToProto(const campaign::Campaign& campaign, const campaign::Counts& counts) {
  v1::Campaign proto;
  SendFields(campaign, proto);
  proto.set_name(campaign.spec.name);
  proto.mutable_labels()->insert(campaign.spec.labels.begin(), campaign.spec.labels.end());
  for (const known::Problem& problem : campaign.spec.known.problems()) SendFields(problem, *proto.add_known());
  SendFields(counts, *proto.mutable_counts());
  if (campaign.verdict && Known(campaign.finished)) Set(proto.mutable_finished(), campaign.finished);
  return proto;
}

void AddRuns(const std::vector<campaign::Run>& runs, v1::Campaign& proto) {
  for (const campaign::Run& run : runs) *proto.add_runs() = ToProto(run);
  const std::vector<campaign::Mutant> mutants = campaign::Mutants(runs);
  for (const campaign::Mutant& mutant : mutants) {
    v1::Mutant* added = proto.add_mutants();
    added->set_kernel_id(mutant.kernel_id);
    added->set_kernel(mutant.kernel_release);
    added->set_scenario(mutant.scenario);
    added->set_mutation(mutant.mutation);
    added->set_state(std::string(campaign::ToString(mutant.state)));
    added->set_reason(mutant.reason);
    for (const std::string& id : mutant.run_ids) added->add_run_ids(id);
  }
  if (mutants.empty()) return;
  const campaign::MutationScore score = campaign::Score(mutants);
  proto.mutable_mutation_score()->set_killed(score.killed);
  proto.mutable_mutation_score()->set_all(score.all);
}

v1::KernelBuild ToProto(const campaign::KernelBuild& kernel, bool config, uint32_t runs) {
  v1::KernelBuild proto;
  SendFields(kernel, proto);
  if (config) {
    proto.mutable_config()->insert(kernel.config.begin(), kernel.config.end());
    for (const std::string& module : kernel.guest_modules) proto.add_guest_modules(module);
  }
  proto.set_runs(runs);
  return proto;
}

v1::Host ToProto(const campaign::Host& host, std::pair<uint32_t, uint64_t> allocated) {
  v1::Host proto;
  SendFields(host, proto);
  proto.set_vcpus_allocated(allocated.first);
  proto.set_memory_bytes_allocated(allocated.second);
  return proto;
}

v1::SpecErrors ToProto(const std::vector<campaign::SpecError>& errors) {
  v1::SpecErrors proto;
  for (const campaign::SpecError& error : errors) {
    v1::SpecError* added = proto.add_errors();
    added->set_line(error.line);
    added->set_column(error.column);
    added->set_path(error.path);
    added->set_message(error.message);
  }
  return proto;
}

std::vector<campaign::SpecError> FromProto(const v1::SpecErrors& proto) {
  std::vector<campaign::SpecError> errors;
  for (const v1::SpecError& error : proto.errors()) {
    errors.push_back({error.line(), error.column(), error.path(), error.message()});
  }
  return errors;
}

scheduler::Announcer MakeAnnouncer() {
  scheduler::Announcer announcer;
  announcer.campaign = [](const campaign::Campaign& campaign, const campaign::Counts& counts, absl::Time time) {
    v1::CampaignEvent event;
    Set(event.mutable_time(), time);
    *event.mutable_campaign() = ToProto(campaign, counts);
    event.mutable_campaign()->clear_spec_yaml();
    event.mutable_campaign()->clear_known();
    return event.SerializeAsString();
  };
  announcer.run = [](const campaign::Run& run, absl::Time time) {
    v1::CampaignEvent event;
    Set(event.mutable_time(), time);
    *event.mutable_run() = ToProto(run);
    event.mutable_run()->clear_findings();
    event.mutable_run()->clear_journal();
    event.mutable_run()->clear_tables();
    for (v1::PostMortemStep& step : *event.mutable_run()->mutable_post_mortem()) step.clear_text();
    return event.SerializeAsString();
  };
  announcer.finding = [](const std::string& run_id, const campaign::Finding& finding, absl::Time time) {
    v1::CampaignEvent event;
    Set(event.mutable_time(), time);
    event.mutable_finding()->set_run_id(run_id);
    *event.mutable_finding()->mutable_finding() = ToProto(finding);
    return event.SerializeAsString();
  };
  return announcer;
}

std::vector<detect::KernelRecord> KernelRecords(const v1::KernelLog& log) {
  std::vector<detect::KernelRecord> records;
  records.reserve(static_cast<size_t>(log.records_size()));
  for (const auto& record : log.records())
    records.push_back({absl::Microseconds(record.timestamp_us()), record.text()});
  return records;
}

StatusOr<AgentWords> FromProto(const v1::AgentMessage& message) {
  switch (message.message_case()) {
    case v1::AgentMessage::kHeartbeat: {
      scheduler::Heartbeat heartbeat{message.heartbeat().progress(), Bounded(message.heartbeat().activity()), {}};
      for (const uint64_t ticks : message.heartbeat().steal_ticks())
        heartbeat.steal.push_back(kTick * Saturated(ticks));
      return heartbeat;
    }
    case v1::AgentMessage::kSamples: {
      scheduler::Samples samples;
      for (const v1::Histogram& proto : message.samples().histograms()) {
        LK_ASSIGN_OR_RETURN(const Histogram histogram, HistogramFromProto(proto));
        samples.latencies[Bounded(proto.probe())].Merge(histogram);
      }
      for (const v1::Counter& counter : message.samples().counters()) {
        samples.counters[Bounded(counter.name())] = {counter.value(), Bounded(counter.unit()), Bounded(counter.first()),
                                                     counter.took_seconds(), counter.limit_seconds()};
      }
      for (const v1::Table& table : message.samples().tables()) {
        if (samples.tables.size() < campaign::kMaxTables) samples.tables[Bounded(table.name())] = TableFromProto(table);
      }
      return samples;
    }
    case v1::AgentMessage::kFinding: {
      scheduler::GuestFinding said;
      if (!detect::ParseKind(message.finding().kind(), said.finding.kind)) {
        return absl::InvalidArgumentError(
            fmt::format("unknown finding kind \"{}\"", Bounded(message.finding().kind())));
      }
      said.finding.title = message.finding().title().substr(0, 120);
      said.finding.excerpt = Bounded(message.finding().detail());
      said.finding.counted = message.finding().counted();
      said.finding.witnesses = {"agent"};
      return said;
    }
    case v1::AgentMessage::kHostAction: {
      const v1::HostActionRequest& request = message.host_action();
      using Kind = scheduler::HostActionAsked::Kind;
      switch (request.action_case()) {
        case v1::HostActionRequest::kAttachDimm:
          return scheduler::HostActionAsked{request.id(), Kind::kAttachDimm, request.attach_dimm().size_bytes(), ""};
        case v1::HostActionRequest::kDetachDimm:
          return scheduler::HostActionAsked{request.id(), Kind::kDetachDimm, 0, Bounded(request.detach_dimm().alias())};
        case v1::HostActionRequest::kResizeVirtioMem:
          return scheduler::HostActionAsked{request.id(), Kind::kResizeVirtioMem,
                                            request.resize_virtio_mem().requested_bytes(), ""};
        case v1::HostActionRequest::kReplugDisk:
          return scheduler::HostActionAsked{request.id(), Kind::kReplugDisk, 0, "", request.replug_disk().disk()};
        case v1::HostActionRequest::ACTION_NOT_SET:
          return absl::InvalidArgumentError("host action request without an action");
      }
      break;
    }
    case v1::AgentMessage::kAnnounceReboot:
      return scheduler::RebootAnnounced{Bounded(message.announce_reboot().reason()),
                                        ToDuration(message.announce_reboot().within())};
    case v1::AgentMessage::kDone: {
      scheduler::AgentDone done{Bounded(message.done().outcome()),
                                Bounded(message.done().reason()),
                                message.done().operations(),
                                {},
                                message.done().emulated()};
      for (const std::string& part : message.done().skipped_parts()) {
        if (done.skipped_parts.size() < 64) done.skipped_parts.push_back(Bounded(part));
      }
      return done;
    }
    case v1::AgentMessage::kCanaryWritten:
      return scheduler::CanaryWritten{};
    case v1::AgentMessage::kHello:
    case v1::AgentMessage::kKernelLog:
    case v1::AgentMessage::MESSAGE_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError("empty or unexpected agent message");
}

}  // namespace lk::api
