#include "calibrate/program_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/checked.h"
#include "base/hash.h"
#include "ir/text.h"
#include "ops/catalogue.h"

namespace hone::calibrate {
namespace {

constexpr int64_t kAlignment = 64;

int64_t product(const Dims& dims) {
  int64_t n = 1;
  for (const int64_t d : dims) n *= d;
  return n;
}

Result<DataSource> made_up(int64_t bytes, const Limits& limits) {
  Tensor tensor = TRY(Tensor::make(DType::f32, {(bytes + 3) / 4}, limits.runtime_memory));
  const auto numbers = tensor.as<float>();
  // As bytes these are signed ones of any size, as floats between -0.06 and 0.06.
  // Drawing all of them would take longer than reading them: the first come again.
  constexpr size_t kDrawn = 1 << 16;
  for (size_t i = 0; i < std::min(kDrawn, numbers.size()); ++i)
    numbers[i] = (float(mix64(i) >> 40) * 0x1p-23f - 1) * 0.06f;
  for (size_t i = kDrawn; i < numbers.size(); ++i) numbers[i] = numbers[i - kDrawn];
  DataSource source;
  source.name = "weights";
  source.size = uint64_t(bytes);
  const auto owner = std::make_shared<const Tensor>(std::move(tensor));
  source.memory = std::shared_ptr<const std::byte>(owner, owner->data());
  return source;
}

}  // namespace

std::string ProgramText::input(const Dims& shape) {
  const std::string name = fmt::format("x{}", inputs_count_++);
  input_bytes_ += product(shape) * int64_t(sizeof(float));
  inputs_ += fmt::format("{}{}: f32[{}]", inputs_.empty() ? "" : ", ", name, fmt::join(shape, ","));
  return name;
}

std::string ProgramText::weight(const Dims& shape) { return stored("f32", shape, 32); }

std::string ProgramText::stored(std::string_view dtype, const Dims& shape, int64_t bits,
                                std::string_view encoding, std::string_view rest) {
  const std::string type = fmt::format("{}[{}]{}{}", dtype, fmt::join(shape, ","),
                                       encoding.empty() ? "" : " ", encoding);
  return constant(type, product(shape) * bits / 8, rest);
}

std::string ProgramText::blocks(std::string_view format, const Dims& shape, int64_t block_bytes) {
  constexpr int64_t kBlock = 32;
  return constant(fmt::format("f32[{}] blocks({})", fmt::join(shape, ","), format),
                  product(shape) / kBlock * block_bytes, "");
}

std::string ProgramText::constant(std::string_view type, int64_t bytes, std::string_view rest) {
  const std::string name = fmt::format("@w{}", weights_++);
  constants_ += fmt::format("const {}: {} = span(0, {}, {}){}{}\n", name, type, bytes_, bytes,
                            rest.empty() ? "" : " ", rest);
  bytes_ += (bytes + kAlignment - 1) / kAlignment * kAlignment;
  return name;
}

std::string ProgramText::let(std::string_view text) { return let(1, text).front(); }

std::vector<std::string> ProgramText::let(size_t results, std::string_view text) {
  std::vector<std::string> names;
  for (size_t i = 0; i < results; ++i) names.push_back(fmt::format("t{}", names_++));
  body_ += fmt::format("  {} = {}\n", fmt::join(names, ", "), text);
  return names;
}

void ProgramText::use(std::string_view name, size_t rank) {
  const std::vector<int> zeros(rank, 0), ones(rank, 1);
  const std::string one = let(fmt::format("slice({}, i64[{}]{{{}}}, i64[{}]{{{}}})", name, rank,
                                          fmt::join(zeros, ", "), rank, fmt::join(ones, ", ")));
  outputs_.push_back(let(fmt::format("sqrt({})", one)));
}

Result<Model> ProgramText::model(const Limits& limits) const {
  std::string text = "hone 1\n";
  if (bytes_ > 0) text += fmt::format("source 0 \"weights\" {}\n", bytes_);
  text += fmt::format("{}graph main({}) -> ({}) {{\n{}}}\n", constants_, inputs_,
                      fmt::join(outputs_, ", "), body_);
  Model model = TRY(
      parse_model_text(text, standard_catalogue(), limits).context("making a synthetic program"));
  if (bytes_ > 0) model.sources[0] = TRY(made_up(bytes_, limits));
  return model;
}

}  // namespace hone::calibrate
