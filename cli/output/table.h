// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <iosfwd>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/output/text.h"

namespace lk::cli {

struct Cell {
  // NOLINTNEXTLINE(google-explicit-constructor): a cell is a text.
  Cell(const std::convertible_to<std::string_view> auto& t, Color c = Color::kNone) : text(Escape(t)), color(c) {}
  std::string text;
  Color color;
};

// Columns aligned by display width, two spaces between them, nothing drawn. A title that begins with '>' has its column
// aligned to the right.
class Table {
 public:
  using Row = std::vector<Cell>;

  explicit Table(const std::vector<std::string>& titles);
  // As many cells as there are titles.
  void Add(Row row) { rows_.push_back(std::move(row)); }
  bool empty() const { return rows_.empty(); }
  void Print(std::ostream& out, bool color) const;

 private:
  std::vector<bool> right_;
  Row titles_;
  std::vector<Row> rows_;
};

}  // namespace lk::cli
