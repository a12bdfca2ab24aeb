// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace lk {

// A visitor for std::visit, made from one lambda per alternative.
template <class... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};
template <class... Handlers>
Overloaded(Handlers...) -> Overloaded<Handlers...>;

}  // namespace lk
