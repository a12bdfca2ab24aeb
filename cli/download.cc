// SPDX-License-Identifier: Apache-2.0
#include "cli/download.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <system_error>

#include "cli/follow.h"
#include "cli/output/progress.h"
#include "cli/save.h"
#include "lk/v1/run.grpc.pb.h"
#include "support/file.h"
#include "support/unique_fd.h"

namespace lk::cli {
namespace {

namespace fs = std::filesystem;

// For one artifact.
constexpr absl::Duration kDownloadDeadline = absl::Hours(12);

Status ReceiveArtifact(Context& context, const Client& client, const v1::GetArtifactRequest& request, uint64_t size,
                       const Interrupt& interrupt, const fs::path& path, const UniqueFd& fd) {
  v1::RunService::Stub stub(client.channel());
  grpc::ClientContext call;
  client.Prepare(call, kDownloadDeadline);
  StreamPump<v1::ArtifactChunk> pump(call, stub.GetArtifact(&call, request));
  TransferProgress progress(context.io, request.name(), size);
  uint64_t received = 0;
  for (std::optional<grpc::Status> end; !end; end = pump.ended()) {
    if (interrupt.raised()) return absl::CancelledError("interrupted");
    const auto chunk = pump.Next(kTick);
    if (!chunk) continue;
    if (const std::error_code error = WriteAll(fd.get(), chunk->data())) return CannotWrite(path, error.value());
    received += chunk->data().size();
    progress.Add(chunk->data().size());
  }
  LK_RETURN_IF_ERROR(client.ToStatus(*pump.ended()));
  if (received >= size) return absl::OkStatus();
  return absl::DataLossError(fmt::format("{}: received {} of {} bytes", request.name(), received, size));
}

}  // namespace

Status Download(Context& context, const std::string& run_id, const v1::ListArtifactsResponse& list,
                const fs::path& directory) {
  for (const v1::Artifact& artifact : list.artifacts()) {
    const fs::path name(artifact.name());
    if (name != name.filename() || name == "." || name == ".." || name.empty()) {
      return absl::InvalidArgumentError(
          fmt::format("invalid artifact name \"{}\" from lkd (expected a plain file name)", name.string()));
    }
    if (fs::exists(fs::symlink_status(directory / name))) {
      return absl::AlreadyExistsError(
          fmt::format("{} already exists; nothing was downloaded", (directory / name).string()));
    }
  }
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) return CannotWrite(directory, error.value());

  LK_ASSIGN_OR_RETURN(const Client* client, context.Connect());
  const Interrupt interrupt;
  for (const v1::Artifact& artifact : list.artifacts()) {
    const fs::path path = directory / artifact.name();
    const UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!fd) return CannotWrite(path, errno);
    v1::GetArtifactRequest request;
    request.set_run_id(run_id);
    request.set_name(artifact.name());
    Status status =
        ReceiveArtifact(context, *client, request, static_cast<uint64_t>(artifact.size()), interrupt, path, fd);
    if (!status.ok()) {
      fs::remove(path, error);
      return status;
    }
  }
  return absl::OkStatus();
}

}  // namespace lk::cli
