// SPDX-License-Identifier: Apache-2.0
#include "agent/scenarios/iommu_invalidation/direct_io.h"

#include <fmt/format.h>
#include <liburing.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>

#include "agent/probes/probes.h"

namespace lk::agent::iommu_invalidation {
namespace {

constexpr size_t kAlignment = 4096;

struct Free {
  void operator()(void* memory) const { std::free(memory); }
};

class Ring {
 public:
  Ring(Context& context, const std::vector<Disk>& disks, const IoShape& shape, uint32_t seed)
      : disks_(disks),
        shape_(shape),
        latency_(context.NewRecorder("io_latency")),
        random_(seed),
        buffers_(static_cast<char*>(std::aligned_alloc(kAlignment, Stride() * shape.depth))),
        started_(shape.depth) {
    // Do not write uninitialised memory to the disks.
    std::memset(buffers_.get(), 0x6c, Stride() * shape.depth);
  }
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;
  ~Ring() {
    if (open_) io_uring_queue_exit(&ring_);
  }

  Status Open() {
    const int error = io_uring_queue_init(shape_.depth, &ring_, 0);
    if (error != 0) return absl::UnimplementedError(fmt::format("io_uring: {}", strerror(-error)));
    open_ = true;
    return absl::OkStatus();
  }

  void Start(uint64_t slot) {
    const Disk& disk = disks_[random_() % disks_.size()];
    const uint64_t offset = random_() % (disk.bytes / shape_.request) * shape_.request;
    char* const buffer = buffers_.get() + slot * Stride();
    io_uring_sqe* const request = io_uring_get_sqe(&ring_);
    if (shape_.writes && random_() % 2 == 0) {
      io_uring_prep_write(request, disk.fd.get(), buffer, static_cast<unsigned>(shape_.request), offset);
    } else {
      io_uring_prep_read(request, disk.fd.get(), buffer, static_cast<unsigned>(shape_.request), offset);
    }
    request->user_data = slot;
    started_[slot] = MonotonicNs();
  }

  // Submits the prepared requests, waits for one to complete and returns its slot.
  StatusOr<uint64_t> Next() {
    if (const int sent = io_uring_submit(&ring_); sent < 0) {
      return absl::InternalError(fmt::format("io_uring_submit: {}", strerror(-sent)));
    }
    io_uring_cqe* done = nullptr;
    int error;
    do {
      error = io_uring_wait_cqe(&ring_, &done);
    } while (error == -EINTR);
    if (error != 0) return absl::InternalError(fmt::format("io_uring_wait_cqe: {}", strerror(-error)));
    const uint64_t slot = done->user_data;
    const int result = done->res;
    io_uring_cqe_seen(&ring_, done);
    if (result != static_cast<int>(shape_.request)) {
      return absl::InternalError(fmt::format("direct I/O: {}", result < 0 ? strerror(-result) : "short transfer"));
    }
    latency_.Record(MonotonicNs() - started_[slot]);
    return slot;
  }

 private:
  size_t Stride() const { return (shape_.request + kAlignment - 1) / kAlignment * kAlignment; }

  const std::vector<Disk>& disks_;
  const IoShape shape_;
  Recorder& latency_;
  std::minstd_rand random_;
  const std::unique_ptr<char, Free> buffers_;
  std::vector<uint64_t> started_;  // start time per slot
  io_uring ring_{};
  bool open_ = false;
};

}  // namespace

Status DoDirectIo(Context& context, const std::vector<Disk>& disks, const IoShape& shape, uint32_t seed,
                  std::atomic<uint64_t>& completed) {
  Ring ring(context, disks, shape, seed);
  LK_RETURN_IF_ERROR(ring.Open());
  for (unsigned slot = 0; slot < shape.depth; ++slot) ring.Start(slot);
  for (unsigned under_way = shape.depth; under_way > 0;) {
    LK_ASSIGN_OR_RETURN(const uint64_t slot, ring.Next());
    completed.fetch_add(1, std::memory_order_relaxed);
    context.Progress();
    if (context.Over()) {
      --under_way;
    } else {
      ring.Start(slot);
    }
  }
  return absl::OkStatus();
}

}  // namespace lk::agent::iommu_invalidation
