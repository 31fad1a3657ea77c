// Opens an ONNX file and puts its parts together as a Model.
#include "import/onnx/onnx.h"

#include <fmt/format.h>

#include "base/text.h"
#include "formats/protobuf.h"
#include "import/onnx/graph_importer.h"
#include "import/onnx/import_state.h"

namespace hone::onnx {
namespace {

bool is_plain_text(Bytes bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  for (const char c : text)
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) return false;
  return is_utf8(text);
}

Status add_metadata(Model& model, const ModelProto& proto, Ledger& ledger) {
  auto& metadata = model.metadata;
  const auto put = [&](std::string key, std::string_view value) -> Status {
    TRY(ledger.charge(key.size() + value.size() + 128, "metadata"));
    metadata.insert_or_assign(std::move(key), std::string(value));
    return ok();
  };
  TRY(put("format", "onnx"));
  TRY(put("ir_version", std::to_string(proto.ir_version)));
  if (!proto.producer_name.empty()) TRY(put("producer", proto.producer_name));
  if (!proto.producer_version.empty()) TRY(put("producer_version", proto.producer_version));
  if (!proto.domain.empty()) TRY(put("domain", proto.domain));
  if (proto.model_version != 0) TRY(put("model_version", std::to_string(proto.model_version)));
  if (!proto.doc.empty()) TRY(put("description", proto.doc));
  for (const OpsetImport& import : proto.opsets) {
    const std::string_view domain = import.domain.empty() ? "ai.onnx" : import.domain;
    TRY(put("opset." + std::string(domain), std::to_string(import.version)));
  }
  for (const auto& [key, value] : proto.metadata) TRY(put("onnx." + std::string(key), value));
  return ok();
}

Result<Model> import_source(DataSource source, std::string path, const Catalogue& catalogue,
                            const ImportOptions& options) {
  Model model;
  model.sources.push_back(std::move(source));
  Ledger ledger(options.limits);
  const ModelProto proto = TRY(parse_model(model.sources[0].bytes(), ledger));
  if (!proto.has_graph)
    return fail(ErrorId::malformed, "the file holds no graph: it is not an ONNX model");
  // Apart from the braces below: a return out of them would leak what they hold so far.
  Opsets opsets = TRY(opsets_of(proto.opsets));
  Functions functions = TRY(Functions::of(proto, ledger));
  ImportState state{.model = model,
                    .proto = proto,
                    .catalogue = catalogue,
                    .ledger = ledger,
                    .tensors = TensorLoader(model, ledger, std::move(path), options),
                    .symbols = Symbols(model, ledger),
                    .opsets = std::move(opsets),
                    .functions = std::move(functions)};
  // The first versions of the format had one operator set, which no model names.
  if (state.opsets.empty() && proto.ir_version < 3) state.opsets.emplace("", 1);
  TRY(survey(state));
  TRY(add_metadata(model, proto, ledger));
  const std::string_view name = proto.graph.name.empty() ? "main" : proto.graph.name;
  model.entry = model.add_graph(state.fresh_graph_name(name));
  TRY(GraphImporter(state, model.entry).import(proto.graph, nullptr, {}, {}));
  return model;
}

std::string base_name(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

}  // namespace

bool looks_like_onnx(std::span<const std::byte> bytes) {
  WireReader reader(bytes);
  bool version = false, body = false;
  for (int fields = 0; fields < 64; ++fields) {
    const auto next = reader.next();
    // A graph that is cut off is still one: better refused as such than as unknown.
    if (!next) return version && (body || fields > 1);
    if (!*next) break;
    const WireField& f = **next;
    const bool is_bytes = f.type == WireType::bytes;
    switch (f.number) {
      case 1:
        if (f.type != WireType::varint || f.value == 0 || f.value > 255) return false;
        version = true;
        break;
      case 2:
      case 3:
      case 4:
        if (!is_bytes || !is_plain_text(f.bytes)) return false;
        break;
      case 5:
        if (f.type != WireType::varint) return false;
        break;
      case 7:
      case 8:
        if (!is_bytes) return false;
        body = true;
        break;
      default:
        if (f.number > 100) return false;
        break;
    }
  }
  return version && body;
}

Result<Model> import_file(const std::string& path, const Catalogue& catalogue,
                          const ImportOptions& options) {
  return import_mapped(std::make_shared<const MappedFile>(TRY(MappedFile::open(path))), catalogue,
                       options);
}

Result<Model> import_mapped(const std::shared_ptr<const MappedFile>& file,
                            const Catalogue& catalogue, const ImportOptions& options) {
  DataSource source;
  source.mapped = file;
  source.name = base_name(file->path());
  source.size = file->size();
  return import_source(std::move(source), file->path(), catalogue, options)
      .context("reading " + printable(file->path()));
}

Result<Model> import_bytes(std::vector<std::byte> bytes, const Catalogue& catalogue,
                           const Limits& limits) {
  return import_source(DataSource::in_memory(std::move(bytes)), {}, catalogue, {.limits = limits});
}

}  // namespace hone::onnx
