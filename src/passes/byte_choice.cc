#include "passes/byte_choice.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "ops/block_linear.h"
#include "ops/common.h"
#include "passes/panels.h"

namespace hone {
namespace {

// What is this small is computed as it came, unmeasured: other things take longer.
constexpr int64_t kSmall = 200'000;  // multiply-adds
// Real numbers take four times the memory, of neighbours' caches too, which a product alone does
// not tell: they have to be faster by more than noise.
constexpr double kWorthReals = 0.85;
// What takes so long that a few runs would cost more than a compilation should.
constexpr int64_t kLarge = 1'000'000'000;

// The product alone, in one of both ways.
class Alone {
 public:
  Alone(const PassContext& c, const ByteProduct& p)
      : context_(c), p_(p), builder_(model_, model_.add_graph("main"), c.catalogue) {}

  Result<Model> build(bool bytes) {
    const ValueId x = builder_.graph().add_input("x", Type(p_.x.dtype, p_.x.shape));
    const bool blocks = p_.block > 0;
    const ValueId y = blocks ? TRY(bytes ? blocks_of_bytes(x) : blocks_of_reals(x))
                             : TRY(bytes ? of_bytes(x) : of_reals(x));
    // An output is new memory in every run; as in a whole model, the result is to lie in the arena.
    const ValueId row =
        TRY(builder_.emit1("gather", {y, builder_.integers({0})}, {{"axis", int64_t{0}}}));
    builder_.graph().add_output("row", row);
    return std::move(model_);
  }

 private:
  Result<ValueId> zeros(DType dtype, Extents shape) {
    return builder_.constant(
        TRY(Tensor::make(dtype, std::move(shape), context_.limits.runtime_memory)));
  }
  Result<ValueId> reals(Extents shape) {
    return builder_.constant(TRY(made_up_weights(std::move(shape), context_.limits)));
  }
  Result<ValueId> scale() { return builder_.scalar(DType::f32, 0.01); }
  Result<ValueId> zero(DType dtype) { return builder_.scalar(dtype, 3); }

  Result<ValueId> of_bytes(ValueId x) {
    const ValueId w = TRY(zeros(DType::i8, p_.panels)), bias = TRY(reals({p_.columns}));
    const ValueId sums = TRY(zeros(DType::i32, {p_.columns}));
    const ValueId by = TRY(scale()), x_zero = TRY(zero(p_.x.dtype));
    const ValueId y_zero = p_.result ? TRY(zero(*p_.result)) : ValueId{};
    return builder_.emit1(p_.bytes, {x, w, bias, {}, by, x_zero, sums, {}, y_zero}, p_.attrs);
  }
  Result<ValueId> of_reals(ValueId x) {
    const ValueId by = TRY(scale()), x_zero = TRY(zero(p_.x.dtype));
    const ValueId real = TRY(builder_.emit1("dequantize_linear", {x, by, x_zero}));
    const ValueId w = TRY(reals(p_.real_panels)), bias = TRY(reals({p_.columns}));
    const ValueId y = TRY(builder_.emit1(p_.reals, {real, w, bias}, p_.attrs));
    if (!p_.result) return y;
    const ValueId y_zero = TRY(zero(*p_.result));
    return builder_.emit1("quantize_linear", {y, by, y_zero});
  }

  Result<std::vector<ValueId>> in_blocks(ValueId x) {
    return builder_.emit("quantize_blocks", {x}, {{"block", p_.block}}, 2);
  }
  Result<ValueId> blocks_of_bytes(ValueId x) {
    const auto rows = TRY(in_blocks(x));
    const ValueId codes = TRY(zeros(DType::u8, p_.panels));
    const int64_t units = p_.block / block_linear::kUnit;
    const ValueId scales = TRY(reals({p_.panels[0], p_.panels[1] / units, block_linear::kColumns}));
    const ValueId bias = TRY(reals({p_.columns}));
    Builder::Given attrs = p_.attrs;
    attrs.emplace_back("bits", p_.bits);
    attrs.emplace_back("block", p_.block);
    return builder_.emit1(p_.bytes, {rows[0], codes, bias, {}, rows[1], scales}, attrs);
  }
  Result<ValueId> blocks_of_reals(ValueId x) {
    const auto rows = TRY(in_blocks(x));
    const ValueId real = TRY(builder_.emit1("dequantize_linear", {rows[0], rows[1]},
                                            {{"axis", int64_t{-1}}, {"block_size", p_.block}}));
    const ValueId w = TRY(reals(p_.real_panels)), bias = TRY(reals({p_.columns}));
    return builder_.emit1(p_.reals, {real, w, bias}, p_.attrs);
  }

  const PassContext& context_;
  const ByteProduct& p_;
  Model model_;
  Builder builder_;
};

void report(std::vector<Decision>& all, Decision d) {
  for (Decision& other : all) {
    if (other.question != d.question || other.chosen != d.chosen || other.source != d.source)
      continue;
    ++other.nodes;
    return;
  }
  all.push_back(std::move(d));
}

}  // namespace

std::string ByteProduct::str() const {
  std::string text = fmt::format("{} {} {}", bytes, x.str(), fmt::join(panels, "x"));
  if (block > 0) text += fmt::format(" {} bits in {}", bits, block);
  for (const auto& [name, value] : attrs)
    if (name != "low" && name != "high") text += fmt::format(" {}={}", name, print(value));
  return text + (result ? " to bytes" : "");
}

Result<ByteChoice> ByteChoice::make(PassContext& c) {
  const std::string& prefer = c.options["prefer"];
  // Of few rows, memory decides: weights of bytes take a quarter of it.
  constexpr int64_t kFewRows = 4;
  const int64_t width = c.options["width"].empty() ? 0 : TRY(panel_width(c));
  if (prefer.empty() || prefer == "bytes") return ByteChoice(c, INT64_MAX, width);
  if (prefer == "few") return ByteChoice(c, kFewRows, width);
  if (prefer == "reals") return ByteChoice(c, 0, width);
  return fail(ErrorId::usage, c.journal.pass + " takes prefer=bytes, few or reals");
}

bool ByteChoice::decide(const ByteProduct& p) {
  const bool measurable =
      context_.choosing.stopwatch && width_ > 0 && p.x.shape.is_fixed() && p.macs < kLarge;
  Decision d{.question = p.str(), .chosen = "", .source = "rule", .nodes = 1};
  bool bytes = p.macs < kSmall || p.rows <= rows_;
  if (measurable && p.macs >= kSmall) {
    const auto build = [&](bool way) {
      return [this, &p, way] { return Alone(context_, p).build(way); };
    };
    const Times times = context_.choosing.stopwatch(
        {d.question, {{"bytes", build(true)}, {"reals", build(false)}}});
    if (times.seconds.size() == 2) {
      bytes = times.seconds[1] >= kWorthReals * times.seconds[0];
      d.source = times.source;
      d.seconds = {{"bytes", times.seconds[0]}, {"reals", times.seconds[1]}};
    }
  }
  d.chosen = bytes ? "bytes" : "reals";
  if (p.macs >= kSmall) report(context_.decisions, std::move(d));
  return bytes;
}

bool ByteChoice::bytes(ByteProduct p) {
  // Signed bytes between operators are made unsigned ones later.
  if (p.x.dtype == DType::i8) p.x.dtype = DType::u8;
  if (p.result == DType::i8) p.result = DType::u8;
  const std::string name = p.str();
  if (const auto it = decided_.find(name); it != decided_.end()) {
    for (Decision& d : context_.decisions)
      if (d.question == name) ++d.nodes;
    return it->second;
  }
  return decided_[name] = decide(p);
}

}  // namespace hone
