// SPDX-License-Identifier: Apache-2.0
#include "server/vm/libvirt/post_mortem.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <libvirt/libvirt-qemu.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <thread>

#include "server/vm/libvirt/error.h"
#include "server/vm/libvirt/flattened.h"
#include "server/vm/libvirt/registers.h"
#include "support/unique_fd.h"

namespace lk::vm::libvirt {
namespace {

// The last error, or NOT_FOUND if the VM has ended in the meantime.
Status LastErrorOf(virDomain* domain, std::string_view what) {
  auto status = LastError(what);
  if (virDomainIsActive(domain) != 0) return status;
  return WithFault(absl::NotFoundError(fmt::format("{}: the VM has ended", what)), Fault::kGuest);
}

StatusOr<std::string> Monitor(virDomain* domain, const std::string& command, unsigned flags) {
  char* answer = nullptr;
  if (virDomainQemuMonitorCommand(domain, command.c_str(), &answer, flags) < 0) {
    return LastErrorOf(domain, "cannot read vCPU state");
  }
  return TakeString(answer);
}

bool Says(const Status& status, std::string_view words) {
  return std::string_view(status.message().data(), status.message().size()).find(words) != std::string_view::npos;
}

Status CoreDump(virDomain* domain, const std::filesystem::path& path) {
  // Every QEMU supports zlib. libvirt pauses the VM, so that the dump is consistent.
  if (virDomainCoreDumpWithFormat(domain, path.c_str(), VIR_DOMAIN_CORE_DUMP_FORMAT_KDUMP_ZLIB, VIR_DUMP_MEMORY_ONLY) ==
      0) {
    return absl::OkStatus();
  }
  auto status = LastErrorOf(domain, "cannot dump memory");
  if (Says(status, std::strerror(ENOSPC))) {
    return WithFault(absl::ResourceExhaustedError(status.message()), Fault::kHost);
  }
  if (absl::IsInvalidArgument(status) || absl::IsFailedPrecondition(status)) {  // unsupported format, not running
    return WithFault(absl::FailedPreconditionError(status.message()), Fault::kGuest);
  }
  return status;
}

Status HostError(const std::filesystem::path& path) {
  return WithFault(absl::ErrnoToStatus(errno, path.string()), Fault::kHost);
}

// Both ends of a named pipe. While the write end is open, the reader does not see end of file before another process
// has opened the pipe.
struct Pipe {
  UniqueFd read;
  UniqueFd write;
};
StatusOr<Pipe> OpenPipe(const std::filesystem::path& path) {
  if (mkfifo(path.c_str(), 0600) != 0) return HostError(path);
  Pipe pipe{UniqueFd(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)), {}};
  pipe.write = UniqueFd(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!pipe.read || !pipe.write || fcntl(pipe.read.get(), F_SETFL, 0) != 0) return HostError(path);
  return pipe;
}

// Lets libvirt dump to a pipe, and unflattens the data from the pipe into the file.
Status DumpThroughPipe(virDomain* domain, const std::filesystem::path& path, const std::filesystem::path& pipe_path) {
  const UniqueFd file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file) return HostError(path);
  LK_ASSIGN_OR_RETURN(auto pipe, OpenPipe(pipe_path));
  Status written;
  std::thread writer([&] {
    written = Unflatten(pipe.read.get(), file.get());
    pipe.read.reset();  // the other process gets EPIPE if it is still writing
  });
  auto status = CoreDump(domain, pipe_path);
  pipe.write.reset();
  writer.join();
  // If the dump fails, the writer gets truncated data. Any other error of the writer is the cause of the failure.
  if (written.ok() || (!status.ok() && absl::IsDataLoss(written))) return status;
  return WithFault(written, Fault::kHost);
}

}  // namespace

void RunOnAfterPanic(virDomain* domain) {
  (void)Monitor(domain, R"({"execute": "set-action", "arguments": {"panic": "none"}})",
                VIR_DOMAIN_QEMU_MONITOR_COMMAND_DEFAULT);
}

StatusOr<std::vector<Vcpu>> ReadVcpus(virDomain* domain) {
  LK_ASSIGN_OR_RETURN(const auto text, Monitor(domain, "info registers -a", VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP));
  auto vcpus = ParseRegisters(text);
  for (Vcpu& vcpu : vcpus) {
    const auto command = InstructionCommand(vcpu);
    if (command.empty()) continue;
    LK_ASSIGN_OR_RETURN(const auto answer, Monitor(domain, command, VIR_DOMAIN_QEMU_MONITOR_COMMAND_DEFAULT));
    vcpu.halted = ShowsRest(answer);
  }
  return vcpus;
}

Status InjectNmi(virDomain* domain) {
  if (virDomainInjectNMI(domain, 0) == 0) return absl::OkStatus();
  auto status = LastErrorOf(domain, "cannot inject an NMI");
  // QEMU's message for a machine type that does not support NMIs, such as virt on aarch64 (hw/core/nmi.c).
  if (Says(status, "does not provide NMIs")) {
    return WithFault(absl::UnimplementedError("QEMU does not support NMIs for this machine type"), Fault::kOurs);
  }
  return status;
}

Status DumpMemory(virDomain* domain, const std::filesystem::path& path, bool here) {
  if (!here) return CoreDump(domain, path);
  auto pipe = path;
  pipe += ".pipe";
  auto status = DumpThroughPipe(domain, path, pipe);
  unlink(pipe.c_str());
  if (!status.ok() && !absl::IsAlreadyExists(status)) unlink(path.c_str());
  return status;
}

}  // namespace lk::vm::libvirt
