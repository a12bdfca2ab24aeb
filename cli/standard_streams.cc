// SPDX-License-Identifier: Apache-2.0
#include "cli/standard_streams.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <iostream>
#include <streambuf>
#include <system_error>

#include "cli/command_line.h"
#include "cli/exit_code.h"
#include "support/file.h"

namespace lk::cli {
namespace {

// Otherwise the next file to be opened would take the place of a standard stream that is closed. In the wrong
// direction, so that reads and writes still fail as they would.
void OccupyStandardStreams() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (fcntl(fd, F_GETFD) < 0) static_cast<void>(open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY));
  }
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
// Before the initialisers of shared libraries, of which some open an eventfd.
[[gnu::section(".preinit_array"), gnu::used]] void (*const occupy_standard_streams)() = OccupyStandardStreams;
#endif

// Like that of std::cout, but remembers why it could not write.
class OutputBuffer final : public std::streambuf {
 public:
  OutputBuffer() { Reset(); }
  const std::error_code& error() const { return error_; }

 protected:
  int_type overflow(int_type c) override {
    if (sync() != 0) return traits_type::eof();
    if (!traits_type::eq_int_type(c, traits_type::eof())) sputc(traits_type::to_char_type(c));
    return traits_type::not_eof(c);
  }
  int sync() override {
    if (!error_) error_ = WriteAll(STDOUT_FILENO, {pbase(), static_cast<size_t>(pptr() - pbase())});
    Reset();
    return error_ ? -1 : 0;
  }

 private:
  void Reset() { setp(buffer_.data(), buffer_.data() + buffer_.size()); }

  std::array<char, size_t{16} << 10> buffer_;
  std::error_code error_;
};

}  // namespace

int WithStandardStreams(const std::string& program, const std::function<int(Io&)>& run) {
  OccupyStandardStreams();  // unless a sanitizer has to come first, this has been done
  std::ios::sync_with_stdio(false);
  OutputBuffer buffer;
  std::ostream out(&buffer);
  std::cerr.tie(&out);
  Io io{.in = std::cin, .out = out, .err = std::cerr};
  DescribeTerminals(io);
  const int code = run(io);
  out.flush();
  std::cerr.tie(nullptr);
  if (!buffer.error() || buffer.error() == std::errc::broken_pipe) return code;
  std::cerr << fmt::format("{}: standard output: {}\n", program, buffer.error().message());
  return kUsage;
}

}  // namespace lk::cli
