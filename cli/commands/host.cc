// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <ostream>

#include "cli/commands/commands.h"
#include "cli/exit_code.h"
#include "cli/output/json.h"
#include "lk/v1/host.grpc.pb.h"
#include "support/quantity.h"

namespace lk::cli {
namespace {

using HostStub = v1::HostService::Stub;

// lkd connects to the host and boots a test guest to find out which accelerator works.
constexpr absl::Duration kAddDeadline = absl::Minutes(5);

struct AddHostArgs {
  v1::AddHostRequest request;
  std::string max_memory;
};

void ShowHost(const v1::Host& host, Context& context, std::ostream& out) {
  const auto field = [&](std::string_view name, const std::string& value) {
    if (!value.empty())
      out << fmt::format("{:<11}  ", name) << Paint(Escape(value), ColorOf(value), context.out_color()) << '\n';
  };
  field("Host", host.id());
  field("URI", host.uri());
  field("State", host.state());
  field("Note", host.state_reason());
  field("vCPUs", fmt::format("{} of {} in use", host.vcpus_allocated(), host.vcpus()));
  field("Memory",
        fmt::format("{} of {} in use", FormatBytes(host.memory_bytes_allocated()), FormatBytes(host.memory_bytes())));
  field("Accelerator", host.accelerator());
  field("  because", host.accelerator_reason());
  field("Hypervisor", host.hypervisor_version());
  field("libvirt", host.libvirt_version());
  field("Kernel", host.kernel_release());
  if (host.broken_qemu()) field("Warning", "this QEMU is known to break guests");
  field("Guest archs", fmt::format("{}", fmt::join(host.archs(), ", ")));
  field("Features", fmt::format("{}", fmt::join(host.features(), ", ")));
  field("Added", FormatTime(host.added(), context.time_zone));
}

// Calls a method that takes a host ID and returns the host.
template <typename Request>
StatusOr<int> OnHost(Context& context,
                     grpc::Status (HostStub::*method)(grpc::ClientContext*, const Request&, v1::Host*),
                     const std::string& id, const std::function<void(const v1::Host&, std::ostream&)>& table) {
  Request request;
  request.set_id(id);
  LK_ASSIGN_OR_RETURN(Client * client, context.Connect());
  LK_ASSIGN_OR_RETURN(const v1::Host host, client->Call(method, request));
  Print(context, host, [&](std::ostream& out) { table(host, out); });
  return kPassed;
}

void PrintState(const v1::Host& host, std::ostream& out) {
  out << Escape(fmt::format("{}  {}  {}", host.id(), host.state(), host.uri())) << '\n';
}

StatusOr<int> AddHostByUri(Context& context, const AddHostArgs& args) {
  v1::AddHostRequest request = args.request;
  if (!args.max_memory.empty()) {
    LK_ASSIGN_OR_RETURN(const uint64_t bytes, ParseBytes(args.max_memory));
    request.set_max_memory_bytes(bytes);
  }
  LK_ASSIGN_OR_RETURN(Client * client, context.Connect());
  LK_ASSIGN_OR_RETURN(const v1::Host host, client->Call(&HostStub::AddHost, request, kAddDeadline));
  Print(context, host, [&](std::ostream& out) { ShowHost(host, context, out); });
  return kPassed;
}

StatusOr<int> ListHosts(Context& context) {
  return PrintList<HostStub, v1::ListHostsRequest, v1::ListHostsResponse, v1::Host>(
      context, &HostStub::ListHosts, {}, &v1::ListHostsResponse::hosts,
      {"ID", "STATE", ">VCPUS", ">MEMORY", "ACCEL", "URI", "NOTE"}, [](const v1::Host& h) -> Table::Row {
        return {h.id(),
                Cell(h.state(), ColorOf(h.state())),
                fmt::format("{}/{}", h.vcpus_allocated(), h.vcpus()),
                fmt::format("{}/{}", FormatBytes(h.memory_bytes_allocated()), FormatBytes(h.memory_bytes())),
                h.accelerator(),
                h.uri(),
                h.state_reason()};
      });
}

StatusOr<int> ShowHostById(Context& context, const std::string& id) {
  return OnHost(context, &HostStub::GetHost, id,
                [&](const v1::Host& host, std::ostream& out) { ShowHost(host, context, out); });
}
StatusOr<int> Drain(Context& context, const std::string& id) {
  return OnHost(context, &HostStub::DrainHost, id, PrintState);
}
StatusOr<int> Resume(Context& context, const std::string& id) {
  return OnHost(context, &HostStub::ResumeHost, id, PrintState);
}

StatusOr<int> RemoveHost(Context& context, const std::string& id) {
  v1::RemoveHostRequest request;
  request.set_id(id);
  LK_ASSIGN_OR_RETURN(Client * client, context.Connect());
  LK_ASSIGN_OR_RETURN(const v1::RemoveHostResponse response, client->Call(&HostStub::RemoveHost, request));
  Print(context, response, [&](std::ostream& out) { out << "removed " << Escape(id) << '\n'; });
  return kPassed;
}

}  // namespace

void AddHost(CLI::App& root, Context& context) {
  CLI::App& host = AddNoun(root, "host", "Manage the libvirt hosts that runs are placed on");
  AddCommand<AddHostArgs>(host, context, "add", "Add a host", AddHostByUri, [](CLI::App& command, AddHostArgs& args) {
    command.add_option("URI", *args.request.mutable_uri(), "libvirt URI, e.g. qemu:///system")
        ->required()
        ->type_name("");
    command.add_flag_callback(
        "--allow-broken-qemu", [&args] { args.request.set_allow_broken_qemu(true); },
        "Add the host even if its QEMU is known to break guests");
    command
        .add_option_function<uint32_t>(
            "--max-vcpus", [&args](uint32_t n) { args.request.set_max_vcpus(n); },
            "Maximum vCPUs for runs [default: the host's CPUs]")
        ->type_name("N");
    command
        .add_option("--max-memory", args.max_memory, "Maximum memory for runs, e.g. 8GiB [default: 3/4 of the host's]")
        ->type_name("SIZE");
  });
  const std::string word = "Host ID, unique prefix, or URI";
  AddCommand(host, context, "list", "List hosts", ListHosts);
  AddCommand(host, context, "show", "Show a host and why its accelerator was chosen", ShowHostById, "ID", word);
  AddCommand(host, context, "drain", "Stop placing new runs on a host", Drain, "ID", word);
  AddCommand(host, context, "resume", "Resume placing runs on a drained host", Resume, "ID", word);
  AddCommand(host, context, "remove", "Remove a host", RemoveHost, "ID", word);
}

}  // namespace lk::cli
