// SPDX-License-Identifier: Apache-2.0
#include "support/directories.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <string>

namespace {

using lk::RuntimeDirectory;
using lk::StateDirectory;

// A user without a login session, and therefore without /run/user/UID.
constexpr uid_t kNobodyLoggedIn = 4'000'000'001;

class Directories : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR", "XDG_CACHE_HOME"}) {
      if (const char* value = std::getenv(name)) before_[name] = value;
      unsetenv(name);
    }
    setenv("HOME", "/home/u", 1);
  }
  void TearDown() override {
    for (const char* name : {"HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR", "XDG_CACHE_HOME"}) unsetenv(name);
    for (const auto& [name, value] : before_) setenv(name.c_str(), value.c_str(), 1);
  }

 private:
  std::map<std::string, std::string> before_;
};

TEST_F(Directories, RootUsesSystemDirectories) {
  setenv("XDG_STATE_HOME", "/x", 1);
  setenv("XDG_RUNTIME_DIR", "/x", 1);
  EXPECT_EQ(StateDirectory(0), "/var/lib/lk");
  EXPECT_EQ(RuntimeDirectory(0), "/run/lk");
}

TEST_F(Directories, FollowTheEnvironment) {
  setenv("XDG_STATE_HOME", "/state", 1);
  setenv("XDG_RUNTIME_DIR", "/runtime", 1);
  EXPECT_EQ(StateDirectory(kNobodyLoggedIn), "/state/lk");
  EXPECT_EQ(RuntimeDirectory(kNobodyLoggedIn), "/runtime/lk");
}

TEST_F(Directories, FallBackToHomeWithoutALoginSession) {
  EXPECT_EQ(StateDirectory(kNobodyLoggedIn), "/home/u/.local/state/lk");
  EXPECT_EQ(RuntimeDirectory(kNobodyLoggedIn), "/home/u/.cache/lk");
  setenv("XDG_CACHE_HOME", "/cache", 1);
  EXPECT_EQ(RuntimeDirectory(kNobodyLoggedIn), "/cache/lk");
}

TEST_F(Directories, IgnoreRelativePaths) {
  setenv("XDG_STATE_HOME", "relative", 1);
  setenv("XDG_RUNTIME_DIR", "", 1);
  EXPECT_EQ(StateDirectory(kNobodyLoggedIn), "/home/u/.local/state/lk");
  EXPECT_EQ(RuntimeDirectory(kNobodyLoggedIn), "/home/u/.cache/lk");
}

}  // namespace
