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
  // NOLINTNEXTLINE(google-explicit-constructor): a cell is usually just a string.
  Cell(const std::convertible_to<std::string_view> auto& t, Color c = Color::kNone) : text(Escape(t)), color(c) {}
  std::string text;
  Color color;
};

// Aligns columns by display width and separates them by two spaces. A column whose title starts with '>' is
// right-aligned.
class Table {
 public:
  using Row = std::vector<Cell>;

  explicit Table(const std::vector<std::string>& titles);
  // The row must have one cell per title.
  void Add(Row row) { rows_.push_back(std::move(row)); }
  bool empty() const { return rows_.empty(); }
  void Print(std::ostream& out, bool color) const;
  // Prints the rows added since the last call, in columns at least as wide as before; the titles precede the first row.
  void PrintMore(std::ostream& out, bool color);

 private:
  void Widen(std::vector<size_t>& widths) const;
  void PrintRow(const Row& row, const std::vector<size_t>& widths, std::ostream& out, bool color) const;

  std::vector<bool> right_;
  Row titles_;
  std::vector<Row> rows_;
  std::vector<size_t> printed_widths_;
};

}  // namespace lk::cli
