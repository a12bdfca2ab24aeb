// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "note.h"

static inline __attribute__((always_inline)) void inlined(struct place* place) {
  note(place);
}

// A static function that is compiled into several object files from the same source line.
static __attribute__((noinline)) void in_header(struct place* place) {
  place->function = (const char*)in_header;
  note(place);  // in_header calls
  __asm__ volatile("");
}
