// SPDX-License-Identifier: Apache-2.0
#include "server/api/convert.h"

#include <fmt/format.h>
#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <array>

#include "lk/v1/agent.pb.h"
#include "lk/v1/campaign.pb.h"
#include "lk/v1/finding.pb.h"
#include "lk/v1/host.pb.h"
#include "lk/v1/kernel.pb.h"
#include "lk/v1/run.pb.h"
#include "server/campaign/mutation.h"
#include "server/scheduler/driver.h"
#include "support/histogram_proto.h"

namespace lk::api {
namespace {

bool Known(absl::Time time) {
  return time != absl::InfinitePast() && time != absl::InfiniteFuture();
}

uint32_t Saturated(uint64_t value) {
  return static_cast<uint32_t>(std::min<uint64_t>(value, UINT32_MAX));
}

// In the order in which they happen.
constexpr std::array<const char*, 6> kPhases = {"image", "define", "boot", "run", "drain", "destroy"};

// Unit of /proc/stat as user space sees it: USER_HZ is 100 on every architecture lk knows (proc_stat(5)).
constexpr absl::Duration kTick = absl::Milliseconds(10);

// What a guest may put into a title or a detail; the rest is its own trouble.
constexpr size_t kMostText = 4096;

std::string Bounded(const std::string& text) {
  return text.substr(0, kMostText);
}

// A guest's durations may be anything; the sum of milliseconds must not overflow.
absl::Duration FromGuest(const google::protobuf::Duration& proto) {
  return absl::Seconds(proto.seconds()) + absl::Nanoseconds(proto.nanos());
}

template <typename Message>
void AddFrames(const std::vector<detect::Frame>& frames, Message& proto) {
  for (const detect::Frame& frame : frames) {
    v1::Frame* added = proto.add_frames();
    added->set_function(frame.function);
    added->set_offset(frame.offset);
    added->set_module(frame.module);
    added->set_location(frame.location);
  }
}

// Within the bounds that lk.v1.Table names.
campaign::Table TableFromProto(const v1::Table& proto) {
  constexpr int kMostColumns = 16, kMostRows = 1000;
  constexpr size_t kMostCell = 128;
  campaign::Table table;
  for (int i = 0; i < std::min(proto.columns_size(), kMostColumns); ++i) {
    table.columns.push_back(proto.columns(i).substr(0, kMostCell));
  }
  for (int i = 0; i < std::min(proto.rows_size(), kMostRows); ++i) {
    std::vector<std::string>& row = table.rows.emplace_back(table.columns.size());
    for (int j = 0; j < std::min(proto.rows(i).cells_size(), static_cast<int>(row.size())); ++j) {
      row[static_cast<size_t>(j)] = proto.rows(i).cells(j).substr(0, kMostCell);
    }
  }
  return table;
}

}  // namespace

void Set(google::protobuf::Timestamp* proto, absl::Time time) {
  *proto = google::protobuf::util::TimeUtil::MicrosecondsToTimestamp(absl::ToUnixMicros(time));
}

v1::Finding ToProto(const campaign::Finding& finding) {
  v1::Finding proto;
  proto.set_kind(std::string(detect::ToString(finding.kind)));
  proto.set_title(finding.title);
  for (const std::string& title : finding.alt_titles) proto.add_alt_titles(title);
  proto.set_corrupted(finding.corrupted);
  proto.set_start_offset(Saturated(finding.start_offset));
  proto.set_end_offset(Saturated(finding.end_offset));
  proto.set_excerpt(finding.excerpt);
  AddFrames(finding.frames, proto);
  proto.set_cpu(finding.cpu);
  proto.set_task(finding.task);
  proto.set_seconds_stuck(finding.seconds_stuck);
  proto.set_count(finding.count);
  if (Known(finding.first_seen)) Set(proto.mutable_first_seen(), finding.first_seen);
  if (Known(finding.last_seen)) Set(proto.mutable_last_seen(), finding.last_seen);
  for (const std::string& witness : finding.witnesses) proto.add_witnesses(witness);
  proto.set_phase(finding.phase);
  proto.set_activity(finding.activity);
  proto.set_tolerated(finding.tolerated);
  proto.set_taint(finding.taint);
  proto.set_kernel_release(finding.kernel_release);
  proto.set_function(finding.function);
  for (const detect::CpuStack& stack : finding.others) {
    v1::CpuStack* added = proto.add_others();
    added->set_cpu(stack.cpu);
    added->set_task(stack.task);
    added->set_function(stack.function);
    AddFrames(stack.frames, *added);
  }
  proto.set_open(finding.open);
  proto.set_distrust(finding.distrust);
  proto.set_counted(finding.counted);
  return proto;
}

v1::Provenance ToProto(const campaign::Provenance& provenance) {
  v1::Provenance proto;
  proto.set_config_sha256(provenance.config_sha256);
  proto.set_kernel_source(provenance.kernel_source);
  proto.set_kernel_commit(provenance.kernel_commit);
  proto.set_image_sha256(provenance.image_sha256);
  proto.set_host_uri(provenance.host_uri);
  proto.set_host_kernel(provenance.host_kernel);
  proto.set_hypervisor(provenance.hypervisor);
  proto.set_libvirt(provenance.libvirt);
  return proto;
}

v1::Run ToProto(const campaign::Run& run) {
  v1::Run proto;
  proto.set_id(run.id);
  proto.set_campaign_id(run.campaign_id);
  proto.set_kernel(run.kernel_release);
  proto.set_kernel_id(run.kernel_id);
  proto.set_arch(std::string(campaign::ToString(run.arch)));
  proto.set_profile(run.profile);
  proto.set_scenario(run.scenario);
  proto.set_repeat(run.repeat);
  proto.set_attempt(run.attempt);
  proto.set_superseded(run.superseded);
  proto.set_state(std::string(campaign::ToString(run.state)));
  proto.set_verdict(std::string(campaign::ToString(run.verdict)));
  proto.set_reason(run.reason);
  proto.set_blame(std::string(campaign::ToString(run.blame)));
  proto.set_emulated(run.emulated);
  proto.set_control(run.control);
  for (const campaign::Finding& finding : run.findings) *proto.add_findings() = ToProto(finding);
  for (const auto& [probe, histogram] : run.latencies) *proto.add_latencies() = Summary(histogram, probe);
  for (const auto& [name, counter] : run.counters) {
    v1::Counter* added = proto.add_counters();
    added->set_name(name);
    added->set_value(counter.value);
    added->set_unit(counter.unit);
  }
  for (const auto& [name, table] : run.tables) {
    v1::Table* added = proto.add_tables();
    added->set_name(name);
    for (const std::string& column : table.columns) added->add_columns(column);
    for (const auto& row : table.rows) {
      v1::Table::Row* cells = added->add_rows();
      for (const std::string& cell : row) cells->add_cells(cell);
    }
  }
  proto.set_host(run.host_id);
  proto.set_accelerator(run.accelerator);
  if (Known(run.created)) Set(proto.mutable_created(), run.created);
  if (Known(run.started)) Set(proto.mutable_started(), run.started);
  if (Known(run.finished)) Set(proto.mutable_finished(), run.finished);
  for (const char* phase : kPhases) {
    const auto seconds = run.phase_seconds.find(phase);
    if (seconds == run.phase_seconds.end()) continue;
    v1::PhaseDuration* added = proto.add_phases();
    added->set_phase(phase);
    added->set_seconds(seconds->second);
  }
  proto.set_canary_console(run.canary_console);
  proto.set_canary_kmsg(run.canary_kmsg);
  proto.set_operations(Saturated(run.operations));
  proto.set_console_bytes(Saturated(run.console_bytes));
  proto.set_cmdline(run.cmdline);
  for (const std::string& part : run.skipped_parts) proto.add_skipped_parts(part);
  for (const std::string& line : run.journal) proto.add_journal(line);
  for (const campaign::PostMortemStep& step : run.post_mortem) {
    v1::PostMortemStep* added = proto.add_post_mortem();
    added->set_step(std::string(campaign::ToString(step.step)));
    added->set_outcome(std::string(campaign::ToString(step.outcome)));
    added->set_detail(step.detail);
    added->set_text(step.text);
    added->set_seconds(step.seconds);
  }
  proto.set_paused_seconds(run.paused_seconds);
  proto.set_steal_seconds(run.steal_seconds);
  proto.set_seed(run.seed);
  *proto.mutable_provenance() = ToProto(run.provenance);
  return proto;
}

v1::Campaign ToProto(const campaign::Campaign& campaign, const campaign::Counts& counts) {
  v1::Campaign proto;
  proto.set_id(campaign.id);
  proto.set_name(campaign.spec.name);
  proto.mutable_labels()->insert(campaign.spec.labels.begin(), campaign.spec.labels.end());
  proto.set_state(std::string(campaign::ToString(campaign.state)));
  if (campaign.verdict) proto.set_verdict(std::string(campaign::ToString(*campaign.verdict)));
  v1::Counts* numbers = proto.mutable_counts();
  numbers->set_total(counts.total);
  numbers->set_pass(counts.pass);
  numbers->set_fail(counts.fail);
  numbers->set_error(counts.error);
  numbers->set_miss(counts.miss);
  numbers->set_skip(counts.skip);
  numbers->set_unproven(counts.unproven);
  numbers->set_pending(counts.pending);
  numbers->set_superseded(counts.superseded);
  numbers->set_controls(counts.controls);
  if (Known(campaign.created)) Set(proto.mutable_created(), campaign.created);
  if (campaign.verdict && Known(campaign.finished)) Set(proto.mutable_finished(), campaign.finished);
  proto.set_spec_yaml(campaign.spec_yaml);
  proto.set_seed(campaign.seed);
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
  proto.set_id(kernel.id);
  proto.set_release(kernel.release);
  proto.set_arch(std::string(campaign::ToString(kernel.arch)));
  proto.set_flavour(kernel.flavour);
  proto.mutable_labels()->insert(kernel.labels.begin(), kernel.labels.end());
  proto.set_config_sha256(kernel.config_sha256);
  if (config) {
    proto.mutable_config()->insert(kernel.config.begin(), kernel.config.end());
    for (const std::string& module : kernel.guest_modules) proto.add_guest_modules(module);
  }
  proto.set_has_modules(kernel.has_modules);
  proto.set_image_bytes(Saturated(kernel.image_bytes));
  proto.set_banner(kernel.banner);
  Set(proto.mutable_added(), kernel.added);
  proto.set_source(kernel.source);
  proto.set_runs(runs);
  return proto;
}

v1::Host ToProto(const campaign::Host& host, std::pair<uint32_t, uint64_t> allocated) {
  v1::Host proto;
  proto.set_id(host.id);
  proto.set_uri(host.uri);
  proto.set_state(std::string(campaign::ToString(host.state)));
  proto.set_state_reason(host.state_reason);
  proto.set_vcpus(host.vcpus);
  proto.set_vcpus_allocated(allocated.first);
  proto.set_memory_bytes(host.memory_bytes);
  proto.set_memory_bytes_allocated(allocated.second);
  proto.set_accelerator(host.accelerator);
  proto.set_accelerator_reason(host.accelerator_reason);
  proto.set_hypervisor_version(host.hypervisor_version);
  proto.set_libvirt_version(host.libvirt_version);
  proto.set_kernel_release(host.kernel_release);
  proto.set_broken_qemu(host.broken_qemu);
  for (const std::string& feature : host.features) proto.add_features(feature);
  for (const std::string& arch : host.archs) proto.add_archs(arch);
  Set(proto.mutable_added(), host.added);
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

// gRPC's codes have the same numbers.
Status FromGrpc(const grpc::Status& status) {
  std::string message = status.error_message();
  v1::SpecErrors mistakes;
  if (mistakes.ParseFromString(status.error_details()) && mistakes.errors_size() > 0) {
    const v1::SpecError& first = mistakes.errors(0);
    message += fmt::format("; {}:{}: {}: {}", first.line(), first.column(), first.path(), first.message());
  }
  return {static_cast<absl::StatusCode>(status.error_code()), message};
}

scheduler::Announcer MakeAnnouncer() {
  scheduler::Announcer announcer;
  announcer.campaign = [](const campaign::Campaign& campaign, const campaign::Counts& counts, absl::Time time) {
    v1::CampaignEvent event;
    Set(event.mutable_time(), time);
    *event.mutable_campaign() = ToProto(campaign, counts);
    event.mutable_campaign()->clear_spec_yaml();
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

StatusOr<AgentWords> FromProto(const v1::AgentMessage& message) {
  switch (message.message_case()) {
    case v1::AgentMessage::kHeartbeat:
      return scheduler::Heartbeat{message.heartbeat().progress(), Bounded(message.heartbeat().activity()),
                                  kTick * Saturated(message.heartbeat().steal_ticks())};
    case v1::AgentMessage::kSamples: {
      scheduler::Samples samples;
      for (const v1::Histogram& proto : message.samples().histograms()) {
        LK_ASSIGN_OR_RETURN(const Histogram histogram, HistogramFromProto(proto));
        samples.latencies[Bounded(proto.probe())].Merge(histogram);
      }
      for (const v1::Counter& counter : message.samples().counters()) {
        samples.counters[Bounded(counter.name())] = {counter.value(), Bounded(counter.unit())};
      }
      for (const v1::Table& table : message.samples().tables()) {
        if (samples.tables.size() < campaign::kMostTables)
          samples.tables[Bounded(table.name())] = TableFromProto(table);
      }
      return samples;
    }
    case v1::AgentMessage::kFinding: {
      scheduler::GuestFinding said;
      if (!detect::ParseKind(message.finding().kind(), said.finding.kind)) {
        return absl::InvalidArgumentError(
            fmt::format("\"{}\" is no kind of finding", Bounded(message.finding().kind())));
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
        case v1::HostActionRequest::ACTION_NOT_SET:
          return absl::InvalidArgumentError("a host action request without an action");
      }
      break;
    }
    case v1::AgentMessage::kAnnounceReboot:
      return scheduler::RebootAnnounced{Bounded(message.announce_reboot().reason()),
                                        FromGuest(message.announce_reboot().within())};
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
  return absl::InvalidArgumentError("an agent message without content, or out of place");
}

}  // namespace lk::api
