// SPDX-License-Identifier: Apache-2.0
#include "support/file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <thread>

#include "support/unique_fd.h"

namespace lk {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class FileTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(fd_) << path_; }
  void TearDown() override { std::filesystem::remove(path_); }

  std::string path_ = testing::TempDir() + "lk-file-XXXXXX";
  UniqueFd fd_ = UniqueFd(mkostemp(path_.data(), O_CLOEXEC));
};

TEST_F(FileTest, ReadsBackWhatWasWritten) {
  for (const size_t size : {0, 1, 4095, 4096, 4097, 1 << 20}) {
    std::string text(size, 'x');
    if (!text.empty()) text.back() = '\0';
    ASSERT_EQ(ftruncate(fd_.get(), 0), 0);
    ASSERT_EQ(lseek(fd_.get(), 0, SEEK_SET), 0);
    EXPECT_FALSE(WriteAll(fd_.get(), text));
    EXPECT_TRUE(ReadFile(path_).value() == text) << size;
  }
}

TEST(ReadFile, ReadsFilesOfUnknownSize) {
  EXPECT_THAT(ReadFile("/proc/self/status").value(), StartsWith("Name:"));
}

TEST(ReadFile, ErrorsHaveThePathAndTheReason) {
  const Status absent = ReadFile("/nonexistent/file").status();
  EXPECT_TRUE(absl::IsNotFound(absent));
  EXPECT_EQ(absent.message(), "/nonexistent/file: No such file or directory");
  EXPECT_THAT(ReadFile("/").status().message(), HasSubstr("Is a directory"));
}

TEST(WriteAll, ContinuesAfterAShortWrite) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
  const UniqueFd from(ends[0]);
  UniqueFd to(ends[1]);
  EXPECT_EQ(WriteAll(to.get(), std::string(1 << 20, 'x')).value(), EAGAIN) << "the pipe is full";

  ASSERT_EQ(fcntl(to.get(), F_SETFL, 0), 0);
  ASSERT_EQ(fcntl(from.get(), F_SETFL, 0), 0);
  std::thread writer([&] {
    EXPECT_FALSE(WriteAll(to.get(), std::string(1 << 20, 'y')));
    to.reset();
  });
  std::string text;
  char buffer[4096];
  for (ssize_t got; (got = read(from.get(), buffer, sizeof buffer)) > 0;) text.append(buffer, static_cast<size_t>(got));
  writer.join();
  EXPECT_EQ(std::ranges::count(text, 'y'), 1 << 20);
}

TEST(WriteAll, ReturnsTheReason) {
  const UniqueFd full(open("/dev/full", O_WRONLY | O_CLOEXEC));
  EXPECT_EQ(WriteAll(full.get(), "x"), std::errc::no_space_on_device);
  EXPECT_EQ(WriteAll(-1, "x"), std::errc::bad_file_descriptor);
}

}  // namespace
}  // namespace lk
