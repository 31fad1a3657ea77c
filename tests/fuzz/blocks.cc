// Fuzzes constants in blocks: the first byte is the format, the others the blocks, which the model
// reads as one row.
#include "ir/model.h"
#include "target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const auto formats = hone::all_block_formats();
  const hone::BlockFormat& format = formats[data[0] % formats.size()];
  const auto count = int64_t(size - 1) / format.bytes;
  const auto blocks = hone::fuzz::bytes(data + 1, size_t(count * format.bytes));
  hone::Model model;
  model.sources.push_back(hone::DataSource::in_memory({blocks.begin(), blocks.end()}));
  hone::Constant constant;
  constant.name = "w";
  constant.type = {hone::DType::f32, hone::Shape::of({1, count * format.elements}),
                   hone::Encoding::of_blocks(format)};
  constant.data = hone::Constant::Span{0, 0, blocks.size()};
  const hone::ConstantId id = model.add_constant(std::move(constant));
  hone::fuzz::require(hone::check_encoding(model, model.constants[id.index]).ok());
  const auto read = model.read(id, hone::fuzz::limits().runtime_memory);
  hone::fuzz::require_clean(read);
  if (read) hone::fuzz::require(read->count() == count * format.elements);
  const auto refused = model.read(id, uint64_t(1));  // more than there may be
  if (count > 0) hone::fuzz::require(!refused);
  return 0;
}
