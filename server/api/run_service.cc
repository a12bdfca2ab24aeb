// SPDX-License-Identifier: Apache-2.0
#include "server/api/run_service.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "server/api/convert.h"
#include "server/api/paging.h"
#include "support/unique_fd.h"

namespace lk::api {
namespace {

constexpr size_t kChunk = 64 << 10;

// Limit on the bytes of an artifact that have been read but not yet sent.
constexpr size_t kAhead = 1 << 20;

// At most `size` bytes from `offset`; empty if there is nothing (yet).
StatusOr<std::string> ReadAt(const UniqueFd& fd, const std::filesystem::path& path, uint64_t offset, size_t size) {
  std::string data(size, '\0');
  const ssize_t got = pread(fd.get(), data.data(), data.size(), static_cast<off_t>(offset));
  if (got < 0) return absl::InternalError(fmt::format("{}: {}", path.string(), std::strerror(errno)));
  data.resize(static_cast<size_t>(got));
  return data;
}

// Returns an empty UniqueFd if the file does not exist (yet).
StatusOr<UniqueFd> Open(const std::filesystem::path& path) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd && errno != ENOENT) return absl::InternalError(fmt::format("{}: {}", path.string(), std::strerror(errno)));
  return fd;
}

StatusOr<std::string> ReadConsole(const std::filesystem::path& path, uint64_t offset) {
  LK_ASSIGN_OR_RETURN(const UniqueFd fd, Open(path));
  if (!fd) return std::string();
  return ReadAt(fd, path, offset, kChunk);
}

// The existing artifacts of a run. Names come from lkd's own list, never from a client.
std::vector<v1::Artifact> FindArtifacts(const scheduler::Driver& driver, const std::string& run_id) {
  std::vector<v1::Artifact> artifacts;
  for (const char* name : scheduler::kArtifacts) {
    std::error_code missing;
    const uint64_t size = std::filesystem::file_size(driver.Artifact(run_id, name), missing);
    if (missing) continue;
    v1::Artifact& artifact = artifacts.emplace_back();
    artifact.set_name(name);
    artifact.set_size(static_cast<double>(size));
  }
  return artifacts;
}

// Error: NOT_FOUND with the names of the existing artifacts.
Status CheckArtifact(const scheduler::Driver& driver, const v1::GetArtifactRequest& request) {
  std::string names;
  for (const v1::Artifact& artifact : FindArtifacts(driver, request.run_id())) {
    if (artifact.name() == request.name()) return absl::OkStatus();
    names += (names.empty() ? "" : ", ") + artifact.name();
  }
  return absl::NotFoundError(fmt::format("run {} has no artifact \"{}\" (available: {})", request.run_id(),
                                         request.name(), names.empty() ? "none" : names));
}

}  // namespace

grpc::ServerUnaryReactor* RunService::ListRuns(grpc::CallbackServerContext* context, const v1::ListRunsRequest* request,
                                               v1::ListRunsResponse* response) {
  return Answer(context, pool_, [this, request, response]() -> grpc::Status {
    std::optional<campaign::Verdict> verdict;
    if (!request->verdict().empty()) {
      const auto parsed = campaign::ParseVerdict(request->verdict());
      if (!parsed.ok()) return ToGrpc(parsed.status());
      verdict = *parsed;
    }
    std::string campaign_id;
    if (!request->campaign_id().empty()) {
      const auto resolved = store_.ResolveCampaign(request->campaign_id());
      if (!resolved.ok()) return ToGrpc(resolved.status());
      campaign_id = *resolved;
    }
    const int size = PageSize(request->page_size());
    const auto runs = store_.ListRuns(campaign_id, verdict, request->page_token(), size);
    if (!runs.ok()) return ToGrpc(runs.status());
    for (const campaign::Run& run : *runs) *response->add_runs() = ToProto(run);
    if (runs->size() == static_cast<size_t>(size)) response->set_next_page_token(runs->back().id);
    return grpc::Status::OK;
  });
}

grpc::ServerUnaryReactor* RunService::GetRun(grpc::CallbackServerContext* context, const v1::GetRunRequest* request,
                                             v1::Run* response) {
  return Answer(context, pool_, [this, request, response]() -> grpc::Status {
    const auto run = store_.GetRun(request->id());
    if (!run.ok()) return ToGrpc(run.status());
    *response = ToProto(*run);
    return grpc::Status::OK;
  });
}

grpc::ServerWriteReactor<v1::ConsoleChunk>* RunService::GetConsoleLog(grpc::CallbackServerContext*,
                                                                      const v1::GetConsoleLogRequest* request) {
  using Stream = PulledStream<v1::ConsoleChunk>;
  auto stream = Stream::Make(pool_);
  auto subscription = driver_.Subscribe(request->id(), [weak = std::weak_ptr(stream)] {
    if (const auto alive = weak.lock()) alive->Wake();
  });
  const auto next = [this, id = request->id(), offset = uint64_t{request->offset()}, follow = request->follow(),
                     path = driver_.Artifact(request->id(), console::kFileName),
                     first = true]() mutable -> StatusOr<Stream::Batch> {
    // Read the state before the bytes: if the run is done by then, the log is complete.
    LK_ASSIGN_OR_RETURN(const campaign::Run run, store_.GetRun(id));
    LK_ASSIGN_OR_RETURN(std::string data, ReadConsole(path, offset));
    if (first && data.empty() && offset > 0 && run.state == campaign::RunState::kDone) {
      std::error_code missing;
      const uint64_t size = std::filesystem::file_size(path, missing);
      if (missing || offset > size) {
        return absl::OutOfRangeError(
            fmt::format("offset {} is beyond the end of the console log ({} bytes)", offset, missing ? 0 : size));
      }
    }
    first = false;
    Stream::Batch batch;
    if (data.empty()) {
      batch.last = !follow || run.state == campaign::RunState::kDone;
      return batch;
    }
    v1::ConsoleChunk& chunk = batch.messages.emplace_back();
    chunk.set_offset(static_cast<uint32_t>(offset));
    offset += data.size();
    chunk.set_data(std::move(data));
    return batch;
  };
  stream->Begin(next, std::move(subscription));
  return stream.get();
}

grpc::ServerUnaryReactor* RunService::ListArtifacts(grpc::CallbackServerContext* context,
                                                    const v1::ListArtifactsRequest* request,
                                                    v1::ListArtifactsResponse* response) {
  return Answer(context, pool_, [this, request, response]() -> grpc::Status {
    const auto run = store_.GetRun(request->run_id());
    if (!run.ok()) return ToGrpc(run.status());
    for (v1::Artifact& artifact : FindArtifacts(driver_, run->id)) *response->add_artifacts() = std::move(artifact);
    return grpc::Status::OK;
  });
}

grpc::ServerWriteReactor<v1::ArtifactChunk>* RunService::GetArtifact(grpc::CallbackServerContext*,
                                                                     const v1::GetArtifactRequest* request) {
  using Stream = PulledStream<v1::ArtifactChunk>;
  auto stream = Stream::Make(pool_);
  const auto next = [this, request = *request, path = std::filesystem::path(), fd = std::make_shared<UniqueFd>(),
                     offset = uint64_t{0}]() mutable -> StatusOr<Stream::Batch> {
    if (!*fd) {
      // The id comes from the client and could be anything. The id of a stored run cannot lead out of the directory.
      LK_RETURN_IF_ERROR(store_.GetRun(request.run_id()).status());
      LK_RETURN_IF_ERROR(CheckArtifact(driver_, request));
      path = driver_.Artifact(request.run_id(), request.name());
      LK_ASSIGN_OR_RETURN(*fd, Open(path));
      if (!*fd) return absl::NotFoundError(fmt::format("artifact {} no longer exists", request.name()));
    }
    Stream::Batch batch;
    LK_ASSIGN_OR_RETURN(const std::string data, ReadAt(*fd, path, offset, kAhead));
    offset += data.size();
    for (size_t at = 0; at < data.size(); at += kChunk) batch.messages.emplace_back().set_data(data.substr(at, kChunk));
    batch.last = data.empty();
    return batch;
  };
  stream->Begin(next, nullptr);
  return stream.get();
}

}  // namespace lk::api
