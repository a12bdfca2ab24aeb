// SPDX-License-Identifier: Apache-2.0
#include "in_header.h"

static __attribute__((noinline)) void twin(struct place* place) {
  place->function = (const char*)twin;
  // Makes the offset of the call greater than the size of the other twin (short.c).
  __asm__ volatile(".skip 256, 0x90");
  note(place);  // long twin calls
  __asm__ volatile("");
}

static __attribute__((noinline)) void even(struct place* place) {
  note(place);
  place->function = (const char*)even;
}

void long_twin(struct place* place) {
  twin(place);
  __asm__ volatile("");
}

void long_even(struct place* place) {
  even(place);
  __asm__ volatile("");
}

void long_in_header(struct place* place) {
  in_header(place);
  __asm__ volatile("");
}
