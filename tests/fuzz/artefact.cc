// Fuzzes .hone files: what opens satisfies the invariants, prints, parses back and runs. Most of
// the changed files are given the content hash that belongs to them: the others end at its check.
#include "import/hone/artefact.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>

#include "base/checked.h"
#include "base/hash.h"
#include "base/json_writer.h"
#include "base/text.h"
#include "formats/safetensors.h"
#include "ir/text.h"
#include "ir/verify.h"
#include "ops/catalogue.h"
#include "run.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

namespace {

// A file in memory with these bytes, under a name.
class MemoryFile {
 public:
  MemoryFile(const uint8_t* data, size_t size) : descriptor_(memfd_create("artefact", 0)) {
    hone::fuzz::require(descriptor_ >= 0 && write(descriptor_, data, size) == ssize_t(size));
  }
  ~MemoryFile() { close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

struct Artefact {
  hone::Safetensors header;
  std::vector<std::byte> data;
};

std::optional<Artefact> artefact_in(const uint8_t* data, size_t size) {
  const hone::Limits limits = hone::fuzz::limits();
  hone::Ledger ledger(limits);
  const auto file = hone::fuzz::bytes(data, size);
  auto header = hone::read_safetensors(file, ledger);
  if (!header || !header->metadata.contains("hone.text")) return std::nullopt;
  const auto tensors = file.subspan(header->data_offset);
  return Artefact{header.take(), {tensors.begin(), tensors.end()}};
}

// Up to so many bytes more. ASCII alone: other bytes would not be the same text once written.
void mutate(std::string& text, size_t more) {
  const size_t size = text.size();
  text.resize(size + more);
  text.resize(LLVMFuzzerMutate(reinterpret_cast<uint8_t*>(text.data()), size, text.size()));
  for (char& c : text) c &= 0x7f;
}

// Another type or shape, with as many bytes as these have.
void mutate(Artefact& artefact, hone::SafetensorsTensor& tensor, uint64_t random) {
  constexpr std::string_view kTypes[] = {"F32", "I64", "U8", "I8", "F16", "BOOL"};
  constexpr uint64_t kMost = 4096;
  if (random % 2 != 0 || tensor.shape.empty())
    tensor.dtype = kTypes[random / 2 % std::size(kTypes)];
  else
    tensor.shape[random / 2 % tensor.shape.size()] = int64_t(random / 64 % 70);
  const auto count = hone::checked_product(tensor.shape);
  const uint64_t size = tensor.end - tensor.begin;
  const uint64_t bits = hone::safetensors_bits(tensor.dtype).value_or(8);
  const uint64_t wanted = count ? std::min<uint64_t>(uint64_t(*count) * bits / 8, kMost) : 0;
  const auto end = artefact.data.begin() + std::ptrdiff_t(tensor.end);
  if (wanted > size)
    artefact.data.insert(end, wanted - size, std::byte{1});
  else
    artefact.data.erase(end - std::ptrdiff_t(size - wanted), end);
  for (hone::SafetensorsTensor& other : artefact.header.tensors) {
    if (other.begin < tensor.end || &other == &tensor) continue;
    other.begin = other.begin - size + wanted;
    other.end = other.end - size + wanted;
  }
  tensor.end = tensor.begin + wanted;
}

// As docs/artefact.md has it.
void sign(hone::Safetensors& header) {
  auto& m = header.metadata;
  auto tensors = header.tensors;
  std::ranges::sort(tensors, {}, &hone::SafetensorsTensor::name);
  std::string content = fmt::format("hone {} 1 {} {} {}\n", m["hone.kind"], m["hone.text"].size(),
                                    m["hone.hashes"].size(), tensors.size());
  content += m["hone.text"] + m["hone.hashes"];
  for (const auto& t : tensors)
    content += fmt::format("{} {} [{}]\n", hone::quote(t.name), t.dtype, fmt::join(t.shape, ","));
  m["hone.sha256"] = hone::sha256_hex(std::as_bytes(std::span(content)));
}

std::string written(const Artefact& artefact) {
  std::string header;
  hone::JsonWriter json(header, 0);
  json.begin_object();
  json.key("__metadata__");
  json.begin_object();
  for (const auto& [key, text] : artefact.header.metadata) json.member(key, text);
  json.end_object();
  for (const auto& t : artefact.header.tensors) {
    json.key(t.name);
    json.begin_object();
    json.member("dtype", t.dtype);
    json.key("shape");
    json.begin_array();
    for (const int64_t n : t.shape) json.value(n);
    json.end_array();
    json.key("data_offsets");
    json.begin_array();
    json.value(t.begin);
    json.value(t.end);
    json.end_array();
    json.end_object();
  }
  json.end_object();
  std::string file(8, '\0');
  for (size_t i = 0; i < file.size(); ++i) file[i] = char(header.size() >> (8 * i) & 255);
  file += header;
  return file.append(reinterpret_cast<const char*>(artefact.data.data()), artefact.data.size());
}

}  // namespace

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  const uint64_t random = hone::mix64(seed);
  auto artefact = artefact_in(data, size);
  if (!artefact || random % 8 == 0) return LLVMFuzzerMutate(data, size, max_size);
  auto& [tensors, metadata, offset] = artefact->header;
  const uint64_t next = hone::mix64(random);
  switch (random % 8) {
    case 1: metadata["hone.kind"] = next % 2 != 0 ? "compiled" : "portable"; break;
    case 2:
    case 3:
      if (!tensors.empty()) mutate(*artefact, tensors[next % tensors.size()], hone::mix64(next));
      break;
    case 4:
      if (!tensors.empty()) mutate(tensors[next % tensors.size()].name, 4);
      break;
    default: mutate(metadata["hone.text"], 64);
  }
  sign(artefact->header);
  const std::string file = written(*artefact);
  if (file.size() > max_size) return LLVMFuzzerMutate(data, size, max_size);
  std::memcpy(data, file.data(), file.size());
  return file.size();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const MemoryFile file(data, size);
  const hone::Catalogue& catalogue = hone::standard_catalogue();
  const auto model =
      hone::artefact::import_file(file.path(), catalogue, {.limits = hone::fuzz::limits()});
  hone::fuzz::require_clean(model);
  if (!model) return 0;
  hone::fuzz::require(hone::verify(*model, catalogue, hone::Phase::import).ok());
  hone::Limits room = hone::fuzz::limits();
  room.header = 1 << 26;  // printing may add: types of all results
  room.memory = 1 << 28;
  hone::fuzz::require(hone::parse_model_text(hone::print(*model), catalogue, room).ok());
  hone::fuzz::run(*model);
  return 0;
}
