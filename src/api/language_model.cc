#include "api/language_model.h"

#include "api/compile.h"
#include "api/tokenizer.h"
#include "backends/backends.h"
#include "base/pages.h"
#include "base/text.h"

namespace hone {

Result<LanguageModel> open_language_model(const std::string& path,
                                          const LanguageModelOptions& options) {
  Model opened = TRY(open_model(path, options.open));
  if (!is_language_model(opened))
    return fail(ErrorId::unsupported_feature,
                "'" + printable(path) + "' is no language model that can be run step by step");
  std::optional<Tokenizer> tokenizer;
  if (options.tokenizer) tokenizer = TRY(tokenizer_of(opened, path, options.open.limits));
  opened.attachments.clear();  // they keep the file mapped
  auto source = std::make_shared<const Model>(std::move(opened));
  auto backends = TRY(backends_for(options.compile.backend));
  auto pool = std::make_shared<ThreadPool>(options.compile.threads);
  auto model =
      TRY(lower_for(*backends[0], source, path, options.open.limits, options.compile, *pool));
  source.reset();
  auto program = TRY(Program::make(std::move(model), std::move(backends), options.open.limits));
  trim_heap();
  Engine engine = TRY(Engine::make(program, *pool, options.engine));
  return LanguageModel{std::move(pool), std::move(program), std::move(engine),
                       std::move(tokenizer)};
}

}  // namespace hone
