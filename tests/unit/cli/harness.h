// SPDX-License-Identifier: Apache-2.0
// Runs lkctl inside the test process.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "cli/app.h"
#include "support/file.h"
#include "support/unique_fd.h"

namespace lk::cli {

struct Result {
  int code = -1;
  std::string out;
  std::string err;

  // stdout as a single JSON document, and as one document per line.
  nlohmann::json json() const { return nlohmann::json::parse(out); }
  std::vector<nlohmann::json> lines() const {
    std::vector<nlohmann::json> items;
    std::istringstream in(out);
    for (std::string line; std::getline(in, line);) items.push_back(nlohmann::json::parse(line));
    return items;
  }
};

struct Setting {
  std::string in = {};
  bool out_terminal = false;
  bool err_terminal = false;
};

inline Result Lkctl(const std::vector<std::string>& args, const Setting& setting = {}) {
  std::istringstream in(setting.in);
  std::ostringstream out, err;
  const UniqueFd in_fd(memfd_create("stdin", MFD_CLOEXEC));
  EXPECT_FALSE(WriteAll(in_fd.get(), setting.in));
  lseek(in_fd.get(), 0, SEEK_SET);
  Io io{.in = in, .out = out, .err = err, .in_fd = in_fd.get()};
  io.out_terminal = setting.out_terminal;
  io.err_terminal = setting.err_terminal;
  Context context(io);
  context.time_zone = absl::UTCTimeZone();
  context.retry = {
      .first_delay = absl::Milliseconds(1), .longest_delay = absl::Milliseconds(20), .give_up = absl::Minutes(1)};
  const int code = RunCommandLine(args, context);
  return {code, out.str(), err.str()};
}

// A temporary directory, removed by the destructor.
class TempDir {
 public:
  TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "lk-cli-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~TempDir() { std::filesystem::remove_all(path_); }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::string Write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name, std::ios::binary) << text;
    return (path_ / name).string();
  }

 private:
  std::filesystem::path path_;
};

// Compares with golden/<name>. LK_UPDATE_GOLDEN=1 updates the file first.
inline void ExpectGolden(const std::string& name, const std::string& text) {
  const std::filesystem::path path = std::filesystem::path(LK_GOLDEN_DIR) / name;
  if (std::getenv("LK_UPDATE_GOLDEN") != nullptr) std::ofstream(path, std::ios::binary) << text;
  std::ifstream file(path, std::ios::binary);
  EXPECT_EQ(text, std::string(std::istreambuf_iterator<char>(file), {})) << "golden file: " << path;
}

}  // namespace lk::cli
