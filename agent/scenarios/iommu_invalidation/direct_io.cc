// SPDX-License-Identifier: Apache-2.0
#include "agent/scenarios/iommu_invalidation/direct_io.h"

#include <fmt/format.h>
#include <liburing.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "agent/probes/probes.h"
#include "agent/scenarios/iommu_invalidation/stamps.h"
#include "agent/scenarios/iommu_invalidation/stuck.h"

namespace lk::agent::iommu_invalidation {
namespace {

constexpr size_t kAlignment = 4096;
// How often to check whether time is up while requests are in flight.
constexpr __kernel_timespec kLook = {.tv_sec = 0, .tv_nsec = 500'000'000};

struct Free {
  void operator()(void* memory) const { std::free(memory); }
};

struct Request {
  const Disk* disk = nullptr;
  uint64_t offset = 0;
  bool write = false;
  uint64_t started = 0;
};

class Ring {
 public:
  Ring(Context& context, std::span<const Disk> disks, const IoShape& shape, uint32_t seed)
      : disks_(disks),
        shape_(shape),
        latency_(context.NewRecorder("io_latency")),
        random_(seed),
        buffers_(static_cast<char*>(std::aligned_alloc(kAlignment, Stride() * shape.depth))),
        requests_(shape.depth) {
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
    if (error == -ENOMEM) return absl::InternalError("no memory for io_uring");
    if (error != 0) return absl::UnimplementedError(fmt::format("io_uring: {}", strerror(-error)));
    open_ = true;
    return absl::OkStatus();
  }

  void Start(uint64_t slot) {
    Request& request = requests_[slot];
    request.disk = &disks_[random_() % disks_.size()];
    request.offset = random_() % (request.disk->bytes / shape_.request) * shape_.request;
    request.write = shape_.writes && random_() % 2 == 0;
    io_uring_sqe* const entry = io_uring_get_sqe(&ring_);
    const auto bytes = static_cast<unsigned>(shape_.request);
    if (request.write) {
      StampBuffer(Buffer(slot), bytes, request.disk->number, request.offset / kSector);
      io_uring_prep_write(entry, request.disk->fd.get(), Buffer(slot), bytes, request.offset);
    } else {
      ClearBuffer(Buffer(slot), bytes);
      io_uring_prep_read(entry, request.disk->fd.get(), Buffer(slot), bytes, request.offset);
    }
    entry->user_data = slot;
    request.started = MonotonicNs();
  }

  struct Done {
    uint64_t slot = 0;
    bool whole = false;   // all its bytes were transferred
    std::string problem;  // empty if there is none
  };
  // Submits the prepared requests and waits for one to complete. Error: DEADLINE_EXCEEDED (none did for a while).
  StatusOr<Done> Next() {
    if (const int sent = io_uring_submit(&ring_); sent < 0) {
      return absl::InternalError(fmt::format("io_uring_submit: {}", strerror(-sent)));
    }
    io_uring_cqe* entry = nullptr;
    __kernel_timespec look = kLook;
    int error;
    do {
      error = io_uring_wait_cqe_timeout(&ring_, &entry, &look);
    } while (error == -EINTR);
    if (error == -ETIME) return absl::DeadlineExceededError("no request completed");
    if (error != 0) return absl::InternalError(fmt::format("io_uring_wait_cqe_timeout: {}", strerror(-error)));
    const uint64_t slot = entry->user_data;
    Done done{slot, entry->res == static_cast<int>(shape_.request), Problem(requests_[slot], Buffer(slot), entry->res)};
    io_uring_cqe_seen(&ring_, entry);
    if (done.problem.empty()) latency_.Record(MonotonicNs() - requests_[slot].started);
    return done;
  }

  // Leaves the buffers to requests that are still in flight.
  void Abandon() { (void)buffers_.release(); }

 private:
  size_t Stride() const { return (shape_.request + kAlignment - 1) / kAlignment * kAlignment; }
  char* Buffer(uint64_t slot) const { return buffers_.get() + slot * Stride(); }

  // Describes what is wrong with a completed request; empty if nothing is.
  std::string Problem(const Request& request, const char* buffer, int result) const {
    std::string what;
    if (result < 0) {
      what = strerror(-result);
    } else if (result != static_cast<int>(shape_.request)) {
      what = fmt::format("{} of {} bytes", result, shape_.request);
    } else if (!request.write) {
      what = CheckBuffer(buffer, shape_.request, request.disk->number, request.offset / kSector);
    }
    if (what.empty()) return what;
    return fmt::format("{} of {} at {:#x}: {}", request.write ? "write" : "read", request.disk->name, request.offset,
                       what);
  }

  const std::span<const Disk> disks_;
  const IoShape shape_;
  Recorder& latency_;
  std::minstd_rand random_;
  std::unique_ptr<char, Free> buffers_;
  std::vector<Request> requests_;  // per slot
  io_uring ring_{};
  bool open_ = false;
};

}  // namespace

Status DoDirectIo(Context& context, std::span<const Disk> disks, const IoShape& shape, uint32_t seed,
                  Requests& requests, const std::atomic<bool>& removed) {
  Ring ring(context, disks, shape, seed);
  LK_RETURN_IF_ERROR(ring.Open());
  const auto start = [&](uint64_t slot) {
    ring.Start(slot);
    ++requests.in_flight;
  };
  for (unsigned slot = 0; slot < shape.depth; ++slot) start(slot);
  bool ended = false;
  Patience patience(shape.patience, BootNow());
  while (requests.in_flight > 0) {
    const bool ending = ended || removed;
    const auto done = ring.Next();
    ended = ended || context.Over();
    patience.Waited(BootNow(), done.ok(), ending);
    if (absl::IsDeadlineExceeded(done.status())) {
      if (!patience.IsOver(BootNow())) continue;
      ring.Abandon();
      return absl::OkStatus();
    }
    if (!done.ok()) {
      // Nobody waits for the requests any more, so they must not count as stuck.
      ring.Abandon();
      requests.in_flight = 0;
      return done.status();
    }
    --requests.in_flight;
    if (done->problem.empty()) {
      ++requests.completed;
      context.Progress();
    } else if (removed && !done->whole) {
      ended = true;
    } else {
      context.CountFailure("requests_failed", done->problem);
    }
    if (!ended) start(done->slot);
  }
  return absl::OkStatus();
}

}  // namespace lk::agent::iommu_invalidation
