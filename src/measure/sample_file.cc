#include "measure/sample_file.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cctype>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <system_error>

#include "base/mapped_file.h"
#include "base/text.h"
#include "base/user_folder.h"
#include "formats/csv.h"

namespace hone::measure {
namespace {

enum Column : size_t {
  kUtc,
  kSession,
  kCpu,
  kKernels,
  kHone,
  kLoad,
  kSuite,
  kCommand,
  kSubject,
  kEngine,
  kVersion,
  kThreads,
  kRound,
  kQuantity,
  kSensor,
  kValue,
  kCpuSeconds,
  kSwitches,
  kRuns,
  kColumns
};
constexpr std::array<std::string_view, kColumns> kNames{
    "utc",     "session", "cpu",    "kernels",  "hone",    "load_average", "suite",
    "command", "case",    "engine", "version",  "threads", "round",        "quantity",
    "sensor",  "value",   "cpu_s",  "switches", "runs"};

constexpr uint64_t kMostFile = uint64_t{1} << 30;  // bytes

using Cells = std::vector<std::string>;

Cells key_cells(const VisitKey& k) {
  Cells cells(kColumns);
  cells[kUtc] = k.utc;
  cells[kSession] = k.session;
  cells[kCpu] = k.cpu;
  cells[kKernels] = k.kernels;
  cells[kHone] = k.hone;
  cells[kLoad] = fmt::format("{:.2f}", k.load_average);
  cells[kSuite] = k.suite;
  cells[kCommand] = k.command;
  cells[kSubject] = k.subject;
  cells[kEngine] = k.engine;
  cells[kVersion] = k.version;
  cells[kThreads] = std::to_string(k.threads);
  cells[kRound] = std::to_string(k.round);
  return cells;
}

class Writer {
 public:
  explicit Writer(const VisitKey& key) : cells_(key_cells(key)) {}

  void put(std::string_view quantity, std::string value, std::string_view sensor = {},
           std::string cpu_s = {}, std::string switches = {}, std::string runs = {}) {
    cells_[kQuantity] = quantity;
    cells_[kSensor] = sensor;
    cells_[kValue] = std::move(value);
    cells_[kCpuSeconds] = std::move(cpu_s);
    cells_[kSwitches] = std::move(switches);
    cells_[kRuns] = std::move(runs);
    text_ += csv_line(cells_);
    ++rows_;
  }
  std::string take() {
    put("visit", std::to_string(rows_));
    return std::move(text_);
  }

 private:
  Cells cells_;
  std::string text_;
  size_t rows_ = 0;
};

std::string seconds_text(double seconds) { return fmt::format("{:.9f}", seconds); }

// The rows behind the last visit that is whole, and the visit that they make.
class Builder {
 public:
  Builder(const CsvTable& table, SampleFile& file) : table_(table), file_(file) {}

  Status take(size_t row) {
    const std::string_view quantity = table_.cell(row, kQuantity);
    if (quantity == "visit") return close(row);
    rows_.push_back(row);
    return ok();
  }
  void finish() { file_.abandoned += rows_.size(); }

 private:
  // As many rows before this one as it says; others in front of them were abandoned.
  Status close(size_t row) {
    const auto n = size_t(TRY(whole(row, kValue)));
    if (n > rows_.size())
      return table_.error(row, kValue,
                          fmt::format("{} rows stand before it, not {}", rows_.size(), n));
    file_.abandoned += rows_.size() - n;
    Visit visit;
    visit.key = TRY(key_of(row));
    for (size_t i = rows_.size() - n; i < rows_.size(); ++i) {
      for (size_t c = 0; c <= kRound; ++c)
        if (table_.cell(rows_[i], c) != table_.cell(row, c))
          return table_.error(rows_[i], c, "differs from that of its visit");
      TRY(read(rows_[i], visit));
    }
    file_.visits.push_back(std::move(visit));
    rows_.clear();
    return ok();
  }

  Result<double> not_negative(size_t row, size_t column) const {
    const double value = TRY(table_.number(row, column));
    if (value < 0) return table_.error(row, column, "expected a number from 0 on");
    return value;
  }
  Result<int64_t> whole(size_t row, size_t column) const {
    const double value = TRY(not_negative(row, column));
    if (value != std::floor(value) || value > 1e15)
      return table_.error(row, column, "expected a whole number");
    return int64_t(value);
  }
  Status empty(size_t row, std::initializer_list<size_t> columns) const {
    for (const size_t c : columns)
      if (!table_.cell(row, c).empty())
        return table_.error(
            row, c, fmt::format("a row of {} has none", printable(table_.cell(row, kQuantity))));
    return ok();
  }

  Result<VisitKey> key_of(size_t row) const {
    VisitKey k;
    for (const auto& [column, into] : {std::pair(kUtc, &k.utc),
                                       {kSession, &k.session},
                                       {kCpu, &k.cpu},
                                       {kKernels, &k.kernels},
                                       {kHone, &k.hone},
                                       {kSuite, &k.suite},
                                       {kCommand, &k.command},
                                       {kSubject, &k.subject},
                                       {kEngine, &k.engine},
                                       {kVersion, &k.version}})
      *into = table_.cell(row, column);
    for (const size_t c : {kUtc, kSession, kSubject, kEngine})
      if (table_.cell(row, c).empty()) return table_.error(row, c, "is empty");
    k.load_average = TRY(not_negative(row, kLoad));
    k.threads = int(TRY(whole(row, kThreads)));
    k.round = int(TRY(whole(row, kRound)));
    if (k.threads < 1 || k.threads > 1024)
      return table_.error(row, kThreads, "expected a whole number from 1 to 1024");
    return k;
  }

  Status read(size_t row, Visit& visit) const {
    const std::string_view quantity = table_.cell(row, kQuantity);
    if (quantity == "time_s") {
      TimeSample s;
      s.wall_s = TRY(not_negative(row, kValue));
      s.cpu_s = TRY(not_negative(row, kCpuSeconds));
      s.switches = TRY(whole(row, kSwitches));
      s.runs = TRY(whole(row, kRuns));
      if (s.runs < 1) return table_.error(row, kRuns, "expected a whole number from 1 on");
      visit.samples.push_back(s);
      return empty(row, {kSensor});
    }
    if (quantity.starts_with("energy_")) return read_energy(row, visit);
    const auto alone = [&] { return empty(row, {kSensor, kCpuSeconds, kSwitches, kRuns}); };
    for (const auto& [name, seconds] :
         {std::pair("load_s", &visit.load_s), {"first_s", &visit.first_s}})
      if (quantity == name) {
        *seconds = TRY(not_negative(row, kValue));
        return alone();
      }
    for (const auto& [name, bytes] : {std::pair("idle_memory_bytes", &visit.idle_memory_bytes),
                                      {"resident_memory_bytes", &visit.resident_memory_bytes},
                                      {"peak_memory_bytes", &visit.peak_memory_bytes}})
      if (quantity == name) {
        *bytes = uint64_t(TRY(whole(row, kValue)));
        return alone();
      }
    return table_.error(row, kQuantity, "there is no quantity '" + printable(quantity) + "'");
  }

  // Gross comes first; the others of the same sensor follow.
  Status read_energy(size_t row, Visit& visit) const {
    TRY(empty(row, {kCpuSeconds, kSwitches}));
    const std::string_view quantity = table_.cell(row, kQuantity),
                           sensor = table_.cell(row, kSensor);
    const double value = TRY(not_negative(row, kValue));
    if (quantity == "energy_gross_j") {
      VisitEnergy energy;
      energy.reading.sensor = sensor;
      energy.reading.gross_j = value;
      energy.runs = TRY(whole(row, kRuns));
      if (energy.runs < 1) return table_.error(row, kRuns, "expected a whole number from 1 on");
      visit.energy.push_back(std::move(energy));
      return ok();
    }
    TRY(empty(row, {kRuns}));
    if (visit.energy.empty() || visit.energy.back().reading.sensor != sensor)
      return table_.error(row, kSensor, "energy_gross_j of this sensor has to stand before");
    EnergyReading& r = visit.energy.back().reading;
    if (quantity == "energy_net_j")
      r.net_j = value;
    else if (quantity == "energy_window_s")
      r.seconds = value;
    else if (quantity == "energy_idle_before_w")
      r.idle_before_w = value;
    else if (quantity == "energy_idle_after_w")
      r.idle_after_w = value;
    else
      return table_.error(row, kQuantity, "there is no quantity '" + printable(quantity) + "'");
    return ok();
  }

  const CsvTable& table_;
  SampleFile& file_;
  std::vector<size_t> rows_;
};

// Closes itself.
class File {
 public:
  explicit File(int descriptor) : descriptor_(descriptor) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  int operator*() const { return descriptor_; }

 private:
  int descriptor_;
};

Error cannot(const std::string& path, std::string_view what = {}) {
  const int number = errno;
  return fail(number == ENOSPC ? ErrorId::disk_full : ErrorId::io,
              fmt::format("cannot append the samples to '{}': {}", printable(path),
                          what.empty() ? std::generic_category().message(number) : what));
}

// Where the last whole line ends.
Result<off_t> whole_lines(int descriptor, off_t size, const std::string& path) {
  std::array<char, 4096> block;
  for (off_t end = size; end > 0;) {
    const off_t begin = std::max<off_t>(0, end - off_t(block.size()));
    if (pread(descriptor, block.data(), size_t(end - begin), begin) != end - begin)
      return cannot(path);
    for (off_t at = end; at > begin; --at)
      if (block[size_t(at - 1 - begin)] == '\n') return at;
    end = begin;
  }
  return off_t{0};
}

Status put(int descriptor, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t n = write(descriptor, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return cannot(path);
    text.remove_prefix(size_t(n));
  }
  return ok();
}

Status append_text(const std::string& path, std::string_view text) {
  const File file(::open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0644));
  struct stat status{};
  if (*file < 0 || fstat(*file, &status) != 0) return cannot(path);
  if (!S_ISREG(status.st_mode)) return cannot(path, "it is no regular file");
  // Others may have appended until it is ours.
  if (flock(*file, LOCK_EX) != 0 || fstat(*file, &status) != 0) return cannot(path);
  const off_t end = TRY(whole_lines(*file, status.st_size, path));
  if (end < status.st_size && ftruncate(*file, end) != 0) return cannot(path);
  const std::string head = std::string(sample_columns()) + "\n";
  if (end == 0) return put(*file, head + std::string(text), path);
  std::string first(head.size(), '\0');
  if (pread(*file, first.data(), first.size(), 0) != ssize_t(first.size()) || first != head) {
    Error error =
        fail(ErrorId::bad_samples, fmt::format("{}:1: the columns are others; expected {}",
                                               printable(path), sample_columns()));
    error.hint = "name another file with `--samples`";
    return error;
  }
  return put(*file, text, path);
}

}  // namespace

std::string_view sample_columns() {
  static const std::string line = fmt::format("{}", fmt::join(kNames, ","));
  return line;
}

std::string rows_of(const Visit& v) {
  Writer rows(v.key);
  for (const TimeSample& s : v.samples)
    rows.put("time_s", seconds_text(s.wall_s), {}, seconds_text(s.cpu_s),
             std::to_string(s.switches), std::to_string(s.runs));
  rows.put("load_s", seconds_text(v.load_s));
  rows.put("first_s", seconds_text(v.first_s));
  rows.put("idle_memory_bytes", std::to_string(v.idle_memory_bytes));
  rows.put("resident_memory_bytes", std::to_string(v.resident_memory_bytes));
  rows.put("peak_memory_bytes", std::to_string(v.peak_memory_bytes));
  const auto exact_text = [](double x) { return fmt::format("{:.9g}", x); };
  for (const VisitEnergy& e : v.energy) {
    const EnergyReading& r = e.reading;
    rows.put("energy_gross_j", exact_text(r.gross_j), r.sensor, {}, {}, std::to_string(e.runs));
    if (r.net_j) rows.put("energy_net_j", exact_text(*r.net_j), r.sensor);
    rows.put("energy_window_s", exact_text(r.seconds), r.sensor);
    rows.put("energy_idle_before_w", exact_text(r.idle_before_w), r.sensor);
    rows.put("energy_idle_after_w", exact_text(r.idle_after_w), r.sensor);
  }
  return rows.take();
}

Result<SampleFile> parse_samples(std::string_view text, const std::string& name) {
  // A line without its end was not written to the end.
  text = text.substr(0, text.rfind('\n') + 1);
  SampleFile file;
  if (text.empty()) return file;
  Limits limits;
  limits.memory = 4 * kMostFile;
  Ledger ledger(limits);
  const std::string_view head = text.substr(0, text.find('\n'));
  if (head != sample_columns())
    return fail(ErrorId::bad_samples, fmt::format("{}:1: the columns are others; expected {}",
                                                  printable(name), sample_columns()));
  auto table = CsvTable::parse(text, name, ledger);
  const auto refused = [](Error error) {
    error.id = ErrorId::bad_samples;
    return error;
  };
  if (!table) return refused(table.take_error());
  Builder builder(*table, file);
  for (size_t row = 0; row < table->rows(); ++row)
    if (Status done = builder.take(row); !done) return refused(done.take_error());
  builder.finish();
  return file;
}

Result<SampleFile> read_samples(const std::string& path) {
  const MappedFile file = TRY(MappedFile::open(path));
  if (file.size() > kMostFile)
    return fail(ErrorId::bad_samples, fmt::format("'{}' is larger than {}: begin another file with "
                                                  "`--samples`",
                                                  printable(path), human_bytes(kMostFile)));
  return parse_samples({reinterpret_cast<const char*>(file.bytes().data()), file.size()}, path);
}

Status append_visits(const std::string& path, const std::vector<Visit>& visits) {
  std::string text;
  for (const Visit& v : visits) text += rows_of(v);
  return append_text(path, text);
}

Status check_appendable(const std::string& path) { return append_text(path, ""); }

std::string user_measurement_folder() { return user_data_folder("measurements"); }

std::string default_sample_file(std::string_view cpu) {
  const std::string folder = user_measurement_folder();
  if (folder.empty()) return {};
  std::string name;
  for (const char c : cpu.substr(0, 48))
    name += std::isalnum(static_cast<unsigned char>(c)) ? char(std::tolower(c)) : '_';
  return folder + "/" + (name.empty() ? "cpu" : name) + ".csv";
}

std::string utc_now() {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
}

double load_average() {
  double average = 0;
  return getloadavg(&average, 1) == 1 ? average : 0;
}

}  // namespace hone::measure
