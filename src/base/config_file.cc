// YAML through yaml-cpp: the only file that sees it, and its exceptions end here.
#include "base/config_file.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <set>

#include "base/text.h"

namespace hone {
namespace {

constexpr int kMaxDepth = 8;
constexpr size_t kMaxEntries = 4096;

class Reader {
 public:
  explicit Reader(const std::string& name) : name_(name) {}

  Status read(const YAML::Node& map, const std::string& prefix, int depth) {
    std::set<std::string> seen;
    for (const auto& member : map) {
      if (++visited_ > kMaxEntries) return error(member.first, "too many keys");
      if (!member.first.IsScalar()) return error(member.first, "a key is not a plain word");
      const std::string& word = member.first.Scalar();
      const std::string key = prefix.empty() ? word : fmt::format("{}.{}", prefix, word);
      if (!seen.insert(word).second) {
        return error(member.first, fmt::format("the key {} stands twice", printable(key)));
      }
      if (member.second.IsMap()) {
        if (depth == kMaxDepth) return error(member.first, "nested too deeply");
        TRY(read(member.second, key, depth + 1));
        continue;
      }
      ConfigEntry entry;
      entry.key = key;
      entry.line = member.first.Mark().line + 1;
      if (member.second.IsSequence()) {
        entry.kind = ConfigEntry::Kind::list;
      } else if (member.second.IsScalar()) {
        const std::string& tag = member.second.Tag();
        if (tag != "?" && tag != "!" && !tag.empty()) {
          return error(member.first, fmt::format("the tag {} means nothing here", printable(tag)));
        }
        entry.kind = tag == "!" ? ConfigEntry::Kind::quoted : ConfigEntry::Kind::plain;
        entry.text = member.second.Scalar();
      } else {
        entry.kind = ConfigEntry::Kind::nothing;
      }
      entries.push_back(std::move(entry));
    }
    return ok();
  }

  Error error(const YAML::Node& at, std::string_view what) const {
    return fail(ErrorId::bad_config,
                fmt::format("{}:{}: {}", printable(name_), at.Mark().line + 1, what));
  }

  std::vector<ConfigEntry> entries;

 private:
  const std::string& name_;
  size_t visited_ = 0;
};

}  // namespace

Result<std::vector<ConfigEntry>> read_config(std::string_view text, const std::string& name) {
  if (!is_utf8(text)) {
    return fail(ErrorId::bad_config, fmt::format("{} is not UTF-8", printable(name)));
  }
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(std::string(text));
    Reader reader(name);
    if (documents.empty() || (documents.size() == 1 && documents[0].IsNull())) {
      return reader.entries;
    }
    if (documents.size() > 1) return reader.error(documents[1], "more than one document");
    if (!documents[0].IsMap()) return reader.error(documents[0], "expected `key: value` lines");
    TRY(reader.read(documents[0], "", 1));
    return reader.entries;
  } catch (const YAML::Exception& failure) {
    return fail(ErrorId::bad_config, fmt::format("{}:{}: {}", printable(name),
                                                 failure.mark.line + 1, printable(failure.msg)));
  }
}

}  // namespace hone
