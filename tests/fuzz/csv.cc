// Fuzzes the CSV reader: what parses has a full row of cells on every line, and reads back alike
// when it is written again.
#include "formats/csv.h"

#include "target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const hone::Limits limits = hone::fuzz::limits();
  hone::Ledger ledger(limits);
  const auto table = hone::CsvTable::parse(hone::fuzz::text(data, size), "input", ledger);
  hone::fuzz::require_clean(table);
  if (!table) return 0;
  std::string again;
  std::vector<std::string> cells;
  for (size_t c = 0; c < table->columns(); ++c) cells.emplace_back(table->header(c));
  again += hone::csv_line(cells);
  for (size_t r = 0; r < table->rows(); ++r) {
    cells.clear();
    for (size_t c = 0; c < table->columns(); ++c) {
      cells.emplace_back(table->cell(r, c));
      hone::fuzz::require_clean(table->optional_number(r, c));
    }
    again += hone::csv_line(cells);
  }
  hone::Ledger more{hone::Limits()};
  const auto second = hone::CsvTable::parse(again, "again", more);
  hone::fuzz::require(second.ok() && second->rows() == table->rows());
  for (size_t r = 0; r < table->rows(); ++r)
    for (size_t c = 0; c < table->columns(); ++c)
      hone::fuzz::require(second->cell(r, c) == table->cell(r, c));
  return 0;
}
