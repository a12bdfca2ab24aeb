// SPDX-License-Identifier: Apache-2.0
#include "server/api/kernel_service.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <set>

#include "server/api/convert.h"
#include "server/api/find_kernel.h"
#include "server/api/paging.h"
#include "server/campaign/kernel_selection.h"
#include "support/random.h"

namespace lk::api {
namespace {

constexpr uint64_t kMaxBytes = uint64_t{4} << 30;
constexpr int kMaxFiles = 64;

const std::set<std::string>& Roles() {
  static const std::set<std::string> roles = {"debian_package", "image", "config", "modules_archive", "debug"};
  return roles;
}

// Receives the files of one build. Messages are handled on the pool, since writing a file may block.
class AddKernelCall final : public grpc::ServerReadReactor<v1::AddKernelRequest> {
 public:
  using Finisher =
      std::function<grpc::Status(const std::vector<kernels::Upload>&, const campaign::Labels&, const std::string&)>;

  AddKernelCall(Executor& pool, std::filesystem::path directory, Finisher finish)
      : pool_(pool), directory_(std::move(directory)), finish_(std::move(finish)) {
    StartRead(&message_);
  }
  ~AddKernelCall() override {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }

  void OnReadDone(bool ok) override {
    pool_.Post([this, ok] {
      if (ok) {
        const Status status = Take(message_);
        if (!status.ok()) return Finish(ToGrpc(status));
        StartRead(&message_);
        return;
      }
      file_.close();
      if (cancelled_) return Finish(grpc::Status::CANCELLED);
      if (left_ > 0)
        return Finish({grpc::StatusCode::INVALID_ARGUMENT, fmt::format("the last file ended {} bytes early", left_)});
      Finish(finish_(uploads_, labels_, source_));
    });
  }
  void OnCancel() override { cancelled_ = true; }
  void OnDone() override { delete this; }

 private:
  Status Take(const v1::AddKernelRequest& message) {
    switch (message.part_case()) {
      case v1::AddKernelRequest::kHeader:
        labels_ = {message.header().labels().begin(), message.header().labels().end()};
        source_ = message.header().source().substr(0, 1024);
        return absl::OkStatus();
      case v1::AddKernelRequest::kFile:
        return Begin(message.file());
      case v1::AddKernelRequest::kData:
        if (message.data().size() > left_)
          return absl::InvalidArgumentError("more data than the announced size of the file");
        left_ -= message.data().size();
        file_.write(message.data().data(), static_cast<std::streamsize>(message.data().size()));
        if (left_ == 0) file_.flush();
        if (!file_)
          return absl::ResourceExhaustedError("cannot spool the upload; is the disk of the state directory full?");
        return absl::OkStatus();
      case v1::AddKernelRequest::PART_NOT_SET:
        break;
    }
    return absl::InvalidArgumentError("empty message");
  }

  Status Begin(const v1::AddKernelRequest::FileStart& start) {
    if (left_ > 0)
      return absl::InvalidArgumentError(
          fmt::format("new file started {} bytes before the end of the previous one", left_));
    if (!Roles().contains(start.role())) {
      return absl::InvalidArgumentError(fmt::format(
          "unknown file role \"{}\" (expected debian_package, image, config, modules_archive or debug)", start.role()));
    }
    total_ += start.size_bytes();
    if (start.size_bytes() > kMaxBytes || total_ > kMaxBytes)
      return absl::ResourceExhaustedError("the files are larger than 4 GiB in total");
    if (uploads_.size() == kMaxFiles) return absl::ResourceExhaustedError("more than 64 files");
    std::error_code failed;
    std::filesystem::create_directories(directory_, failed);
    // The client's file name is only displayed, never used as a path.
    const std::filesystem::path path = directory_ / fmt::format("{}", uploads_.size());
    file_.close();
    file_.clear();
    file_.open(path, std::ios::binary | std::ios::trunc);
    if (!file_) return absl::InternalError("cannot write " + path.string());
    left_ = start.size_bytes();
    uploads_.push_back({start.role(), start.name(), path});
    return absl::OkStatus();
  }

  Executor& pool_;
  const std::filesystem::path directory_;
  const Finisher finish_;
  v1::AddKernelRequest message_;
  std::vector<kernels::Upload> uploads_;
  std::ofstream file_;
  uint64_t left_ = 0;
  uint64_t total_ = 0;
  campaign::Labels labels_;
  std::string source_;
  std::atomic<bool> cancelled_ = false;
};

}  // namespace

StatusOr<AddedBuild> AddBuild(kernels::Library& library, store::Store& store,
                              const std::vector<kernels::Upload>& uploads, const campaign::Labels& labels,
                              const std::string& source, absl::Time now) {
  LK_ASSIGN_OR_RETURN(campaign::KernelBuild kernel, library.Ingest(uploads));
  const auto known = store.GetKernel(kernel.id);
  if (!known.ok() && !absl::IsNotFound(known.status())) return known.status();
  kernel.labels = labels;
  kernel.source = source;
  kernel.added = now;
  if (known.ok()) {
    kernel.labels.insert(known->labels.begin(), known->labels.end());
    kernel.source = known->source;
    kernel.added = known->added;
  }
  LK_RETURN_IF_ERROR(store.PutKernel(kernel));
  return AddedBuild{std::move(kernel), !known.ok()};
}

grpc::ServerReadReactor<v1::AddKernelRequest>* KernelService::AddKernel(grpc::CallbackServerContext*,
                                                                        v1::AddKernelResponse* response) {
  const auto finish = [this, response](const std::vector<kernels::Upload>& uploads, const campaign::Labels& labels,
                                       const std::string& source) -> grpc::Status {
    if (uploads.empty()) return {grpc::StatusCode::INVALID_ARGUMENT, "no files received"};
    const StatusOr<AddedBuild> added = AddBuild(library_, store_, uploads, labels, source, clock_.Now());
    if (!added.ok()) return ToGrpc(added.status());
    *response->mutable_kernel() = ToProto(added->kernel, false, 0);
    response->set_created(added->created);
    if (const Status agent = images_.HasAgent(added->kernel.arch); !agent.ok()) {
      response->set_warning(std::string(agent.message()));
    }
    return grpc::Status::OK;
  };
  return new AddKernelCall(pool_, spool_ / RandomHex(8), finish);
}

grpc::ServerUnaryReactor* KernelService::ListKernels(grpc::CallbackServerContext* context,
                                                     const v1::ListKernelsRequest* request,
                                                     v1::ListKernelsResponse* response) {
  return Answer(context, pool_, [this, request, response]() -> grpc::Status {
    auto kernels = store_.ListKernels();
    if (!kernels.ok()) return ToGrpc(kernels.status());
    std::stable_sort(kernels->begin(), kernels->end(),
                     [](const auto& a, const auto& b) { return campaign::ReleaseLess(b.release, a.release); });
    // The token is the id of the last build of the previous page.
    auto next = kernels->begin();
    if (!request->page_token().empty()) {
      next =
          std::find_if(kernels->begin(), kernels->end(), [&](const auto& k) { return k.id == request->page_token(); });
      if (next == kernels->end())
        return {grpc::StatusCode::INVALID_ARGUMENT, "stale page token; list again from the start"};
      ++next;
    }
    for (int left = PageSize(request->page_size()); next != kernels->end() && left > 0; ++next, --left) {
      const auto runs = store_.RunsOfKernel(next->id);
      *response->add_kernels() = ToProto(*next, false, runs.value_or(0));
    }
    if (next != kernels->end()) response->set_next_page_token(std::prev(next)->id);
    return grpc::Status::OK;
  });
}

grpc::ServerUnaryReactor* KernelService::GetKernel(grpc::CallbackServerContext* context,
                                                   const v1::GetKernelRequest* request, v1::KernelBuild* response) {
  return Answer(context, pool_, [this, request, response]() -> grpc::Status {
    const auto kernel = FindKernel(store_, request->id());
    if (!kernel.ok()) return ToGrpc(kernel.status());
    *response = ToProto(*kernel, true, store_.RunsOfKernel(kernel->id).value_or(0));
    return grpc::Status::OK;
  });
}

grpc::ServerUnaryReactor* KernelService::RemoveKernel(grpc::CallbackServerContext* context,
                                                      const v1::RemoveKernelRequest* request,
                                                      v1::RemoveKernelResponse*) {
  return Answer(context, pool_, [this, request]() -> grpc::Status {
    const auto kernel = FindKernel(store_, request->id());
    if (!kernel.ok()) return ToGrpc(kernel.status());
    const auto unfinished = store_.UnfinishedCampaigns();
    if (!unfinished.ok()) return ToGrpc(unfinished.status());
    for (const campaign::Campaign& campaign : *unfinished) {
      const auto runs = store_.ListRuns(campaign.id, std::nullopt, "", 0);
      if (!runs.ok()) return ToGrpc(runs.status());
      if (std::any_of(runs->begin(), runs->end(), [&](const auto& run) { return run.kernel_id == kernel->id; })) {
        return {
            grpc::StatusCode::FAILED_PRECONDITION,
            fmt::format("campaign {} uses {} and is not finished; wait for it or cancel it", campaign.id, kernel->id)};
      }
    }
    Status status = store_.RemoveKernel(kernel->id);
    if (status.ok()) status = library_.Remove(kernel->id);
    return ToGrpc(status);
  });
}

}  // namespace lk::api
