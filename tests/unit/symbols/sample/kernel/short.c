// SPDX-License-Identifier: Apache-2.0
#include "note.h"

static __attribute__((noinline)) void twin(struct place* place) {
  place->function = (const char*)twin;
}

static __attribute__((noinline)) void even(struct place* place) {
  note(place);
  place->function = (const char*)even;
}

void short_twins(struct place* place) {
  twin(place);
  even(place);
  __asm__ volatile("");
}
