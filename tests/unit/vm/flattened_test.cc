// SPDX-License-Identifier: Apache-2.0
#include "server/vm/libvirt/flattened.h"

#include <endian.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>

namespace lk::vm::libvirt {
namespace {

std::string Header() {
  std::string header("makedumpfile\0\0\0\0", 16);
  header.resize(4096);
  return header;
}

std::string Block(int64_t offset, int64_t size, const std::string& data = "") {
  const uint64_t words[] = {htobe64(static_cast<uint64_t>(offset)), htobe64(static_cast<uint64_t>(size))};
  return std::string(reinterpret_cast<const char*>(words), sizeof(words)) + data;
}

const std::string kEnd = Block(-1, -1);

using File = std::unique_ptr<FILE, int (*)(FILE*)>;

// Returns the status of Unflatten, and its output in `file`.
Status Unflattened(const std::string& input, std::string* file = nullptr) {
  const File from(std::tmpfile(), std::fclose);
  const File to(std::tmpfile(), std::fclose);
  EXPECT_EQ(write(fileno(from.get()), input.data(), input.size()), static_cast<ssize_t>(input.size()));
  lseek(fileno(from.get()), 0, SEEK_SET);
  auto status = Unflatten(fileno(from.get()), fileno(to.get()));
  if (file) {
    file->resize(static_cast<size_t>(lseek(fileno(to.get()), 0, SEEK_END)));
    EXPECT_EQ(pread(fileno(to.get()), file->data(), file->size(), 0), static_cast<ssize_t>(file->size()));
  }
  return status;
}

TEST(Flattened, BlocksAreWrittenAtTheirOffsets) {
  const std::string large(200000, 'x');
  std::string file;
  ASSERT_EQ(
      Unflattened(Header() + Block(10, 200000, large) + Block(2, 3, "abc") + Block(0, 2, "KD") + Block(5, 0) + kEnd,
                  &file),
      absl::OkStatus());
  EXPECT_EQ(file, std::string("KDabc\0\0\0\0\0", 10) + large);
}

TEST(Flattened, CorruptInputIsDataLoss) {
  std::string other = Header();
  other.replace(0, 5, "KDUMP");
  const std::string inputs[] = {"",
                                Header(),
                                Header() + Block(0, 3, "ab"),
                                Header() + Block(0, 2, "ab"),
                                Header() + Block(-5, 2, "ab") + kEnd,
                                Header() + Block(0, -2) + kEnd,
                                other + kEnd};
  for (const auto& input : inputs) EXPECT_TRUE(absl::IsDataLoss(Unflattened(input))) << input.size();
}

}  // namespace
}  // namespace lk::vm::libvirt
