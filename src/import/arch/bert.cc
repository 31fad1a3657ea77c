// BERT, and those that differ in how they were trained or share weights: RoBERTa, ELECTRA, ALBERT,
// MPNet, DistilBERT.
#include "import/arch/encoder.h"

namespace hone::arch {
namespace {

using From = Head::From;

constexpr LayerNames kBertLayer{
    .query = "encoder.layer.{}.attention.self.query",
    .key = "encoder.layer.{}.attention.self.key",
    .value = "encoder.layer.{}.attention.self.value",
    .attended = "encoder.layer.{}.attention.output.dense",
    .attention_norm = "encoder.layer.{}.attention.output.LayerNorm",
    .up = "encoder.layer.{}.intermediate.dense",
    .down = "encoder.layer.{}.output.dense",
    .output_norm = "encoder.layer.{}.output.LayerNorm",
};

constexpr Head of_tokens{.ending = "ForTokenClassification", .out = "classifier"};
constexpr Head of_spans{
    .ending = "ForQuestionAnswering", .out = "qa_outputs", .outputs = "start_logits end_logits"};
constexpr Head of_pooled{
    .ending = "ForSequenceClassification", .from = From::pooled, .out = "classifier"};

constexpr Head bert_words(std::string_view ending, std::string_view outputs) {
  return {.ending = ending,
          .dense = "cls.predictions.transform.dense",
          .norm = "cls.predictions.transform.LayerNorm",
          .own_activation = true,
          .out = "cls.predictions.decoder",
          .tied = true,
          .bias = "cls.predictions.bias",
          .outputs = outputs};
}
constexpr Head bert_order(std::string_view ending, std::string_view outputs) {
  return {
      .ending = ending, .from = From::pooled, .out = "cls.seq_relationship", .outputs = outputs};
}
constexpr Head kBertHeads[] = {
    of_tokens,
    of_spans,
    of_pooled,
    bert_words("ForMaskedLM", "logits"),
    bert_words("ForPreTraining", "prediction_logits"),
    bert_order("ForPreTraining", "seq_relationship_logits"),
    bert_order("ForNextSentencePrediction", "logits"),
};

// A classifier of two products of the first token, as RoBERTa and its heirs have it.
constexpr Head two_products(Activation activation) {
  return {.ending = "ForSequenceClassification",
          .from = From::first,
          .dense = "classifier.dense",
          .activation = activation,
          .out = "classifier.out_proj"};
}
constexpr Head roberta_words{.ending = "ForMaskedLM",
                             .dense = "lm_head.dense",
                             .norm = "lm_head.layer_norm",
                             .activation = Activation::gelu,
                             .out = "lm_head.decoder",
                             .tied = true,
                             .bias = "lm_head.bias"};
constexpr Head kRobertaHeads[] = {of_tokens, of_spans, two_products(Activation::tanh),
                                  roberta_words};

constexpr Head kElectraHeads[] = {
    of_tokens,
    of_spans,
    two_products(Activation::gelu),
    {.ending = "ForMaskedLM",
     .dense = "generator_predictions.dense",
     .norm = "generator_predictions.LayerNorm",
     .activation = Activation::gelu,
     .out = "generator_lm_head",
     .tied = true,
     .bias = "generator_lm_head.bias"},
    {.ending = "ForPreTraining",
     .dense = "discriminator_predictions.dense",
     .own_activation = true,
     .out = "discriminator_predictions.dense_prediction",
     .squeezed = true},
};

constexpr Head kAlbertHeads[] = {
    of_tokens,
    of_spans,
    of_pooled,
    {.ending = "ForMaskedLM",
     .dense = "predictions.dense",
     .norm = "predictions.LayerNorm",
     .own_activation = true,
     .out = "predictions.decoder",
     .tied = true,
     .bias = "predictions.bias"},
};

constexpr Head kDistilbertHeads[] = {
    of_tokens,
    of_spans,
    {.ending = "ForSequenceClassification",
     .from = From::first,
     .dense = "pre_classifier",
     .activation = Activation::relu,
     .out = "classifier"},
    {.ending = "ForMaskedLM",
     .dense = "vocab_transform",
     .norm = "vocab_layer_norm",
     .own_activation = true,
     .out = "vocab_projector",
     .tied = true,
     .bias = "vocab_projector.bias"},
};

}  // namespace

const TextEncoder& albert_encoder() {
  static constexpr TextEncoder kEncoder{
      .name = "albert",
      .hf_types = "albert",
      .doc = "ALBERT (Lan et al. 2020): narrow embeddings, layers that share their weights",
      .prefix = "albert.",
      .projection = "encoder.embedding_hidden_mapping_in",
      .layer = {.query = "encoder.albert_layer_groups.{}.albert_layers.0.attention.query",
                .key = "encoder.albert_layer_groups.{}.albert_layers.0.attention.key",
                .value = "encoder.albert_layer_groups.{}.albert_layers.0.attention.value",
                .attended = "encoder.albert_layer_groups.{}.albert_layers.0.attention.dense",
                .attention_norm =
                    "encoder.albert_layer_groups.{}.albert_layers.0.attention.LayerNorm",
                .up = "encoder.albert_layer_groups.{}.albert_layers.0.ffn",
                .down = "encoder.albert_layer_groups.{}.albert_layers.0.ffn_output",
                .output_norm =
                    "encoder.albert_layer_groups.{}.albert_layers.0.full_layer_layer_norm"},
      .pooler = "pooler",
      .heads = kAlbertHeads,
  };
  return kEncoder;
}

const TextEncoder& bert_encoder() {
  static constexpr TextEncoder kEncoder{
      .name = "bert",
      .hf_types = "bert",
      .doc = "BERT (Devlin et al. 2019)",
      .prefix = "bert.",
      .layer = kBertLayer,
      .pooler = "pooler.dense",
      .heads = kBertHeads,
  };
  return kEncoder;
}

const TextEncoder& distilbert_encoder() {
  static constexpr TextEncoder kEncoder{
      .name = "distilbert",
      .hf_types = "distilbert",
      .doc = "DistilBERT (Sanh et al. 2019)",
      .prefix = "distilbert.",
      .types = "",
      .layer = {.query = "transformer.layer.{}.attention.q_lin",
                .key = "transformer.layer.{}.attention.k_lin",
                .value = "transformer.layer.{}.attention.v_lin",
                .attended = "transformer.layer.{}.attention.out_lin",
                .attention_norm = "transformer.layer.{}.sa_layer_norm",
                .up = "transformer.layer.{}.ffn.lin1",
                .down = "transformer.layer.{}.ffn.lin2",
                .output_norm = "transformer.layer.{}.output_layer_norm"},
      .heads = kDistilbertHeads,
  };
  return kEncoder;
}

const TextEncoder& electra_encoder() {
  static constexpr TextEncoder kEncoder{
      .name = "electra",
      .hf_types = "electra",
      .doc = "ELECTRA (Clark et al. 2020), generators and discriminators",
      .prefix = "electra.",
      .projection = "embeddings_project",
      .layer = kBertLayer,
      .heads = kElectraHeads,
  };
  return kEncoder;
}

const TextEncoder& mpnet_encoder() {
  static constexpr TextEncoder kEncoder{
      .name = "mpnet",
      .hf_types = "mpnet",
      .doc = "MPNet (Song et al. 2020): scores with a bias by distance",
      .prefix = "mpnet.",
      .types = "",
      .relative_bias = "encoder.relative_attention_bias.weight",
      .positions_after_padding = true,
      .layer = {.query = "encoder.layer.{}.attention.attn.q",
                .key = "encoder.layer.{}.attention.attn.k",
                .value = "encoder.layer.{}.attention.attn.v",
                .attended = "encoder.layer.{}.attention.attn.o",
                .attention_norm = "encoder.layer.{}.attention.LayerNorm",
                .up = "encoder.layer.{}.intermediate.dense",
                .down = "encoder.layer.{}.output.dense",
                .output_norm = "encoder.layer.{}.output.LayerNorm"},
      .pooler = "pooler.dense",
      .heads = kRobertaHeads,
  };
  return kEncoder;
}

const TextEncoder& roberta_encoder() {
  static constexpr TextEncoder kEncoder{
      .name = "roberta",
      .hf_types = "roberta xlm-roberta camembert",
      .doc = "RoBERTa (Liu et al. 2019), XLM-RoBERTa, CamemBERT",
      .prefix = "roberta.",
      .positions_after_padding = true,
      .layer = kBertLayer,
      .pooler = "pooler.dense",
      .heads = kRobertaHeads,
  };
  return kEncoder;
}

}  // namespace hone::arch
