// SPDX-License-Identifier: Apache-2.0
// A tiny "kernel" whose functions tell where they call from. Tests look for the words in line comments.
#pragma once

struct place {
  const char* function;  // its first instruction
  const char* caller;    // what note() returns to
};

void note(struct place* place);
