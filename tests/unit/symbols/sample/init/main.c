// SPDX-License-Identifier: Apache-2.0
#include "in_header.h"

int progress;

__attribute__((noinline)) void note(struct place* place) {
  place->caller = __builtin_return_address(0);
}

void spins(struct place* place) {
  place->function = (const char*)spins;
  note(place);   // spins calls
  progress = 1;  // spins continues
}

void inlines(struct place* place) {
  place->function = (const char*)inlines;
  inlined(place);  // inlines calls
  progress = 2;
}

void main_in_header(struct place* place) {
  in_header(place);
  __asm__ volatile("");
}
