// SPDX-License-Identifier: Apache-2.0
// A tiny "kernel" whose functions record where they make calls. Tests find lines by their trailing comments.
#pragma once

struct place {
  const char* function;  // the first instruction of the function
  const char* caller;    // the return address of note()
};

void note(struct place* place);
