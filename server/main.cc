// SPDX-License-Identifier: Apache-2.0
#include "server/app.h"

int main(int argc, char** argv) {
  return lk::Main(argc, argv);
}
