// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "lk/v1/kernel.grpc.pb.h"
#include "server/api/call.h"
#include "server/kernels/library.h"
#include "server/store/store.h"
#include "server/vm/image.h"
#include "support/clock.h"

namespace lk::api {

struct AddedBuild {
  campaign::KernelBuild kernel;
  bool created = false;  // the build is new
};
// Adds a build to the library and the store. If the build already exists, it keeps its source and the time at which it
// was added, and `labels` are added to its labels, replacing those with the same names. Errors: those of
// kernels::Library::Ingest and of the store.
StatusOr<AddedBuild> AddBuild(kernels::Library& library, store::Store& store,
                              const std::vector<kernels::Upload>& uploads, const campaign::Labels& labels,
                              const std::string& source, absl::Time now);

class KernelService final : public v1::KernelService::CallbackService {
 public:
  // Uploads are spooled under `spool`. `images` is asked whether there is an agent for a kernel's architecture.
  KernelService(kernels::Library& library, store::Store& store, const vm::ImageBuilder& images, Executor& pool,
                const Clock& clock, std::filesystem::path spool)
      : library_(library), store_(store), images_(images), pool_(pool), clock_(clock), spool_(std::move(spool)) {}

  grpc::ServerReadReactor<v1::AddKernelRequest>* AddKernel(grpc::CallbackServerContext* context,
                                                           v1::AddKernelResponse* response) override;
  grpc::ServerUnaryReactor* ListKernels(grpc::CallbackServerContext* context, const v1::ListKernelsRequest* request,
                                        v1::ListKernelsResponse* response) override;
  grpc::ServerUnaryReactor* GetKernel(grpc::CallbackServerContext* context, const v1::GetKernelRequest* request,
                                      v1::KernelBuild* response) override;
  grpc::ServerUnaryReactor* RemoveKernel(grpc::CallbackServerContext* context, const v1::RemoveKernelRequest* request,
                                         v1::RemoveKernelResponse* response) override;

 private:
  kernels::Library& library_;
  store::Store& store_;
  const vm::ImageBuilder& images_;
  Executor& pool_;
  const Clock& clock_;
  const std::filesystem::path spool_;
};

}  // namespace lk::api
