// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace lk {

// The visitor of a variant, from a lambda for each alternative.
template <class... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};
template <class... Handlers>
Overloaded(Handlers...) -> Overloaded<Handlers...>;

}  // namespace lk
