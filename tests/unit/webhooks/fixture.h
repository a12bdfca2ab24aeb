// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "server/webhooks/secret.h"
#include "tests/unit/support/test_clock.h"

namespace lk::webhooks {

// A temporary directory for one test, removed with its contents.
class Folder {
 public:
  Folder() : path_(Make()) {}
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path_); }

  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  // Writes a file that only its owner can read.
  std::filesystem::path Write(const std::string& name, const std::string& text) const {
    std::ofstream(path_ / name, std::ios::binary) << text;
    chmod((path_ / name).c_str(), 0600);
    return path_ / name;
  }

 private:
  static std::string Make() {
    std::string name = testing::TempDir() + "lk-webhooks-XXXXXX";
    return mkdtemp(name.data());
  }
  std::filesystem::path path_;
};

inline const std::string kCommit(40, 'a');

// The secret of the test vector in the Standard Webhooks libraries.
inline constexpr char kStandardSecret[] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

}  // namespace lk::webhooks
