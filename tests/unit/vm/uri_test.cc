// SPDX-License-Identifier: Apache-2.0
#include "server/vm/uri.h"

#include <gtest/gtest.h>

namespace lk::vm {
namespace {

TEST(IsLocal, OnlyForUnixSocketsWithoutAHost) {
  for (const char* uri : {"qemu:///system", "qemu:///session", "qemu+unix:///system", "qemu+unix:///session",
                          "qemu+unix:///system?socket=/run/user/1000/relay", "test:///default"}) {
    EXPECT_TRUE(IsLocal(uri)) << uri;
  }
  for (const char* uri :
       {"qemu://host/system", "qemu+ssh://h/system", "qemu+ssh://root@h/system", "qemu+tls://h/system",
        "qemu+tcp://127.0.0.1:1/system", "qemu://localhost/system", "qemu+ssh:///system", "qemu+tcp:///system",
        "qemu+ext:///system?command=/bin/elsewhere", "qemu+unix://h/system", "qemu+unixes:///system",
        "qemu+ssh://h/system?socket=qemu:///system", "alias", ""}) {
    EXPECT_FALSE(IsLocal(uri)) << uri;
  }
}

}  // namespace
}  // namespace lk::vm
