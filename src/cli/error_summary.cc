#include "cli/error_summary.h"

namespace hone::cli {

void write_members(JsonWriter& json, const calibrate::ErrorSummary& s) {
  json.member("n", s.n);
  json.member("median", s.median);
  json.member("mean", s.mean);
  json.member("p95", s.p95);
  json.member("max", s.most);
  json.member("within_5_percent", s.within_5);
  json.member("within_10_percent", s.within_10);
  json.member("within_20_percent", s.within_20);
  json.member("interval_coverage", s.coverage);
  json.member("interval_half_width", s.half_width);
  json.member("rank_correlation", s.rank);
}

void write_summary(JsonWriter& json, std::string_view key, const calibrate::ErrorSummary& s) {
  json.key(key);
  json.begin_object();
  write_members(json, s);
  json.end_object();
}

}  // namespace hone::cli
