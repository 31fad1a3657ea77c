// Lets a language model tell a story, answer a question, and say how well it knows a text.
//
//   tell MODEL [PROMPT]
#include <iostream>

#include "hone/language.h"

int report(const hone::v1::Error& error) {
  std::cerr << error.describe() << '\n';
  return error.exit_code;
}

int main(int count, char** words) {
  if (count < 2) return 2;
  const std::string prompt = count > 2 ? words[2] : "Once upon a time";

  auto model = hone::v1::LanguageModel::open(words[1]);
  if (!model) return report(model.error());

  // Text comes as it is made; `false` would end it.
  hone::v1::GenerateOptions options;
  options.max_tokens = 32;
  options.sampling.temperature = 0;
  options.on_text = [](std::string_view text) { return bool(std::cout << text << std::flush); };
  std::cout << prompt;
  auto story = model->generate(prompt, options);
  if (!story) return report(story.error());
  std::cout << "\n" << story->tokens.size() << " tokens\n";

  // A conversation is the list of its messages.
  options.on_text = nullptr;
  auto answer = model->chat({{"user", "Who was in the story?"}}, options);
  if (!answer) return report(answer.error());
  std::cout << "answered in " << answer->tokens.size() << " tokens\n";

  auto score = model->perplexity(prompt + story->text);
  if (!score) return report(score.error());
  std::cout << "perplexity " << score->perplexity << " over " << score->tokens << " tokens\n";
}
