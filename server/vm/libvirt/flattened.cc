// SPDX-License-Identifier: Apache-2.0
#include "server/vm/libvirt/flattened.h"

#include <endian.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <string_view>
#include <vector>

namespace lk::vm::libvirt {
namespace {

constexpr size_t kHeaderSize = 4096;
constexpr std::string_view kSignature("makedumpfile\0\0\0\0", 16);

struct Block {
  int64_t offset;
  int64_t size;
};

Status ReadAll(int fd, void* data, size_t size) {
  for (size_t done = 0; done < size;) {
    const ssize_t n = read(fd, static_cast<char*>(data) + done, size - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return absl::ErrnoToStatus(errno, "cannot read the dump");
    if (n == 0) return absl::DataLossError("the dump is truncated");
    done += static_cast<size_t>(n);
  }
  return absl::OkStatus();
}

Status WriteAll(int fd, const char* data, size_t size, int64_t offset) {
  for (size_t done = 0; done < size;) {
    const ssize_t n = pwrite(fd, data + done, size - done, offset + static_cast<int64_t>(done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return absl::ErrnoToStatus(errno, "cannot write the dump");
    done += static_cast<size_t>(n);
  }
  return absl::OkStatus();
}

}  // namespace

Status Unflatten(int from, int to) {
  std::vector<char> buffer(size_t{1} << 16);
  LK_RETURN_IF_ERROR(ReadAll(from, buffer.data(), kHeaderSize));
  if (!std::string_view(buffer.data(), kHeaderSize).starts_with(kSignature)) {
    return absl::DataLossError("the dump is not in makedumpfile's flattened format");
  }
  for (;;) {
    Block block;
    LK_RETURN_IF_ERROR(ReadAll(from, &block, sizeof(block)));
    block = {static_cast<int64_t>(be64toh(static_cast<uint64_t>(block.offset))),
             static_cast<int64_t>(be64toh(static_cast<uint64_t>(block.size)))};
    if (block.offset == -1 && block.size == -1) return absl::OkStatus();
    if (block.offset < 0 || block.size < 0)
      return absl::DataLossError("a block of the dump has a negative offset or size");
    while (block.size > 0) {
      const size_t part = std::min(buffer.size(), static_cast<size_t>(block.size));
      LK_RETURN_IF_ERROR(ReadAll(from, buffer.data(), part));
      LK_RETURN_IF_ERROR(WriteAll(to, buffer.data(), part, block.offset));
      block.offset += static_cast<int64_t>(part);
      block.size -= static_cast<int64_t>(part);
    }
  }
}

}  // namespace lk::vm::libvirt
